/**
 * Three pages, so that the console's weight never reaches a phone. The build fails above the wallet's budgets
 * (docs/design.md).
 */
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { defineConfig, type Plugin, type Rollup } from "vite";

const FIRST_ROUTE_MAX = 50_000;
/** All that a phone keeps, packed. */
const KEPT_MAX = 200_000;

/** Python for the auditor's page, under its version: its files have names that it looks for. */
const PYTHON = at("node_modules/pyodide/");
const PYTHON_FILES = ["pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip"];

const PYTHON_LOCK = "pyodide-lock.json";
const lock = JSON.parse(readFileSync(PYTHON + PYTHON_LOCK, "utf8")) as object;
const { version } = JSON.parse(readFileSync(`${PYTHON}package.json`, "utf8")) as { version: string };
const PYTHON_AT = `assets/python-${version}/`;

function at(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}

const KEEPER = "keeper.js";

/** What a page keeps beside what its scripts name. */
const BESIDE: Record<string, string[]> = {
  wallet: ["wallet/manifest.webmanifest", "wallet/icon.svg"],
  auditor: ["auditor/icon.svg"],
  console: ["console/icon.svg"],
};

export default defineConfig({
  plugins: [svelte(), kept()],
  define: { __PYTHON_AT__: JSON.stringify(`/${PYTHON_AT}`) },
  // A service worker has a say over workers whose address is below its own.
  worker: { format: "es", rollupOptions: { output: { entryFileNames: "auditor/[name]-[hash].js" } } },
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
        auditor: at("auditor/index.html"),
        console: at("console/index.html"),
        keeper: at("src/look/keeper.ts"),
      },
      output: {
        entryFileNames: ({ name }) => (name === "keeper" ? KEEPER : "assets/[name]-[hash].js"),
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
});

/** Give each page its service worker, with the files to keep, and refuse a wallet above its budgets. */
function kept(): Plugin {
  return {
    name: "kept",
    enforce: "post",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        // Of the many packages that could be fetched from elsewhere the page is told none.
        const none = JSON.stringify({ ...lock, packages: {} });
        const python = [...PYTHON_FILES, PYTHON_LOCK].map((name) => {
          const source = name === PYTHON_LOCK ? none : readFileSync(PYTHON + name);
          this.emitFile({ type: "asset", fileName: PYTHON_AT + name, source });
          return PYTHON_AT + name;
        });
        const keeper = bundle[KEEPER];
        if (keeper?.type !== "chunk") throw new Error("the service worker is missing");
        delete bundle[KEEPER];
        for (const [app, beside] of Object.entries(BESIDE)) {
          const entry = Object.values(bundle).find(
            (each): each is Rollup.OutputChunk => each.type === "chunk" && each.name === app && each.isEntry,
          );
          if (!entry) throw new Error(`the page ${app} is missing`);
          const all = reached(bundle, entry, true);
          if (app === "wallet") weigh(bundle, reached(bundle, entry, false), all);
          const more = app === "auditor" ? [...Object.keys(bundle).filter(isOfAudit), ...python] : [];
          const files = [...all, ...more, ...beside].sort().map((file) => `/${file}`);
          const source = keeper.code
            .replaceAll(/["'`]__FILES__["'`]/g, JSON.stringify(files))
            .replaceAll("__PAGE__", `/${app}/`);
          this.emitFile({ type: "asset", fileName: `${app}/worker.js`, source });
        }
      },
    },
  };
}

function isOfAudit(file: string): boolean {
  return /^(auditor\/auditing|assets\/audit)-/.test(file);
}

function weigh(bundle: Rollup.OutputBundle, first: Set<string>, all: Set<string>): void {
  const sizes = (files: Set<string>) => [...files].reduce((sum, file) => sum + packed(bundle[file]!), 0);
  const [firstSize, allSize] = [sizes(first), sizes(all)];
  console.log(`wallet: first route ${firstSize} bytes packed (${FIRST_ROUTE_MAX} at most), kept ${allSize} (${KEPT_MAX} at most)`);
  if (firstSize > FIRST_ROUTE_MAX || allSize > KEPT_MAX) throw new Error("the wallet is too heavy");
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
