/**
 * Three pages, so that the console's weight never reaches a phone. The build fails above the wallet's budgets
 * (docs/design.md).
 */
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { defineConfig, type Plugin, type Rollup } from "vite";

const FIRST_ROUTE_MAX = 50_000;
/** All that a phone keeps, packed. */
const KEPT_MAX = 200_000;

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  plugins: [svelte(), wallet()],
  build: {
    outDir: "../static",
    emptyOutDir: true,
    target: "es2023",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // no address begins with data:
    reportCompressedSize: false,
    rollupOptions: {
      input: {
        wallet: at("wallet/index.html"),
        worker: at("src/wallet/worker.ts"),
      },
      output: {
        entryFileNames: ({ name }) => (name === "worker" ? "wallet/worker.js" : "assets/[name]-[hash].js"),
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
});

/** Tell the service worker which files a phone keeps, and refuse a build above its budgets. */
function wallet(): Plugin {
  return {
    name: "wallet",
    enforce: "post",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const entry = Object.values(bundle).find(
          (each): each is Rollup.OutputChunk => each.type === "chunk" && each.name === "wallet" && each.isEntry,
        );
        const worker = bundle["wallet/worker.js"];
        if (!entry || worker?.type !== "chunk") throw new Error("the wallet's entries are missing");
        const first = reached(bundle, entry, false);
        const all = reached(bundle, entry, true);
        const sizes = (files: Set<string>) => [...files].reduce((sum, file) => sum + packed(bundle[file]!), 0);
        const [firstSize, allSize] = [sizes(first), sizes(all)];
        console.log(`wallet: first route ${firstSize} bytes packed (${FIRST_ROUTE_MAX} at most), kept ${allSize} (${KEPT_MAX} at most)`);
        if (firstSize > FIRST_ROUTE_MAX || allSize > KEPT_MAX) throw new Error("the wallet is too heavy");
        worker.code = worker.code.replace(/["'`]__FILES__["'`]/, JSON.stringify([...all].sort().map((file) => `/${file}`)));
      },
    },
  };
}

function reached(bundle: Rollup.OutputBundle, entry: Rollup.OutputChunk, later: boolean): Set<string> {
  const found = new Set<string>();
  const visit = (file: string) => {
    const chunk = bundle[file];
    if (!chunk || found.has(file)) return;
    found.add(file);
    if (chunk.type !== "chunk") return;
    for (const style of chunk.viteMetadata?.importedCss ?? []) found.add(style);
    chunk.imports.forEach(visit);
    if (later) chunk.dynamicImports.forEach(visit);
  };
  visit(entry.fileName);
  return found;
}

function packed(file: Rollup.OutputAsset | Rollup.OutputChunk): number {
  return gzipSync(file.type === "chunk" ? file.code : file.source).length;
}
