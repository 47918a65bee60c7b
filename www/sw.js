/**
 * The service worker: the page, and whatever of its files was used, without a network.
 *
 * A release lies in one cache, each file under its path and the hash that the build found; a release is taken whole or not at
 * all, so that a page never meets another release's files. A newer one is fetched beside it and waits until the page asks for
 * it or is closed. The build fills in what stands in capitals.
 */
const RELEASE = "__RELEASE__";
/** Every file of the site by its path: the first 16 digits of its SHA-256. */
const FILES = __FILES__;
/** What a visit cannot do without. Other files are kept when they are first asked for. */
const NEEDED = new Set(__NEEDED__);

const SCOPE = self.registration.scope;
const OWN = `bitdial ${SCOPE} `;
const CACHE = OWN + RELEASE;
/** Files that are fetched at a time. */
const AT_ONCE = 4;

/** Some servers answer `index.html` with a way to the folder, which a page may not be made of. */
const address = (name) => SCOPE + (name === "index.html" ? "" : name);
const key = (name) => `${SCOPE}${name}?${FILES[name]}`;

/** The file that an address means, if it is one of this release. */
function named(url) {
  const plain = url.split(/[?#]/, 1)[0];
  if (!plain.startsWith(SCOPE)) return undefined;
  const name = plain.slice(SCOPE.length) || "index.html";
  return Object.hasOwn(FILES, name) ? name : undefined;
}

async function isOwn(name, response) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await response.arrayBuffer()));
  const digits = [...digest.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0"));
  return digits.join("") === FILES[name];
}

/** A file from the network, if it is what the build made: while a site is being published, it may not be. */
async function fetched(name) {
  const response = await fetch(address(name), { cache: "no-cache" });
  if (!response.ok) throw new Error(`${name}: the server answered ${response.status}`);
  if (!(await isOwn(name, response.clone()))) throw new Error(`${name} is of another release`);
  return response;
}

/** Puts files into the cache, as far as they are not in it. */
async function take(names) {
  const cache = await caches.open(CACHE);
  const queue = [...names];
  const one = async () => {
    for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
      if (await cache.match(key(name))) continue;
      // The releases share files that did not change.
      await cache.put(key(name), (await caches.match(key(name))) ?? (await fetched(name)));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

/** What the page needs, and what a release before this one was asked for. */
async function wanted() {
  const names = new Set(NEEDED);
  for (const own of (await caches.keys()).filter((name) => name.startsWith(OWN))) {
    for (const { url } of await (await caches.open(own)).keys()) {
      const name = named(url);
      if (name !== undefined) names.add(name);
    }
  }
  return names;
}

/** A file from the cache, else from the network, and kept. */
async function answer(event, name) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(key(name));
  // Without its own address: a worker reads the one that it was asked for by.
  if (kept) return new Response(kept.body, { status: kept.status, headers: kept.headers });
  const response = await fetch(event.request);
  if (response.ok && !response.redirected) {
    const [check, copy] = [response.clone(), response.clone()];
    // Where storage is full the page does without.
    event.waitUntil(isOwn(name, check).then((own) => own && cache.put(key(name), copy)).catch(() => {}));
  }
  return response;
}

self.addEventListener("install", (event) => event.waitUntil(wanted().then(take)));

self.addEventListener("activate", (event) => {
  const clean = async () => {
    const old = (await caches.keys()).filter((name) => name.startsWith(OWN) && name !== CACHE);
    await Promise.all(old.map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(clean());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const name = request.method === "GET" && !request.headers.has("range") ? named(request.url) : undefined;
  if (name !== undefined) event.respondWith(answer(event, name));
});

self.addEventListener("message", (event) => {
  if (event.data?.take === true) self.skipWaiting();
  // What the page had fetched before there was a service worker; of a kind of worker, its whole folder.
  if (Array.isArray(event.data?.used)) {
    const names = event.data.used.flatMap((url) => {
      const name = named(String(url));
      const build = /\/worker\.mjs\?build=([a-z0-9-]+)/.exec(url)?.[1];
      const folder = name && build ? `${name.slice(0, name.lastIndexOf("/"))}/${build}/` : undefined;
      return [name, ...(folder ? Object.keys(FILES).filter((file) => file.startsWith(folder)) : [])];
    });
    const known = names.filter((name) => name !== undefined);
    const told = (kept) => event.source?.postMessage({ kept });
    event.waitUntil(take(known).then(() => told(true), () => told(false)));
  }
});
