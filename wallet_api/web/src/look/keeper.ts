/// <reference lib="webworker" />
/**
 * The service worker of a page: keeps the page's own files, and nothing of anybody's data.
 *
 * What the server said is in the device's store (src/phone), which signing out of everything empties. The build
 * writes which page it is, and its files (vite.config.ts).
 */
const worker = self as unknown as ServiceWorkerGlobalScope;

const FILES = "__FILES__" as unknown as string[];
const PAGE = "__PAGE__";
const ALL = [PAGE, ...FILES];
const NAME = `${PAGE} ${hashOf(ALL.join())}`;

function hashOf(text: string): string {
  let hash = 5381;
  for (const letter of text) hash = (hash * 33 + letter.charCodeAt(0)) >>> 0;
  return hash.toString(16);
}

worker.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(NAME)
      .then((cache) => cache.addAll(ALL.map((file) => new Request(file, { cache: "reload" }))))
      .then(() => worker.skipWaiting()),
  );
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== NAME && name.startsWith(`${PAGE} `)).map((name) => caches.delete(name))))
      .then(() => worker.clients.claim()),
  );
});

worker.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== location.origin) return;
  if (pathname.startsWith("/v1/") || pathname.startsWith("/log")) return;
  if (event.request.mode === "navigate" && pathname === PAGE) {
    // The newest page where there is a way to it, so that a mended one is not a day late.
    event.respondWith(fetch(event.request).catch(() => kept(PAGE)));
  } else if (ALL.includes(pathname)) {
    event.respondWith(kept(pathname));
  }
});

async function kept(path: string): Promise<Response> {
  const cache = await caches.open(NAME);
  return (await cache.match(path)) ?? fetch(path);
}
