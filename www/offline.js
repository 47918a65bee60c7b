// Lets a service worker keep the page for times without a network, and offers a release that came meanwhile.
{
  // The build says so on a page that has a service worker beside it. A frame on another page keeps nothing.
  const enabled = document.querySelector('meta[name="bitdial-release"]')
    && "serviceWorker" in navigator && !new URLSearchParams(location.search).has("embed");

  const offer = (next) => {
    if (document.getElementById("update")) return;
    const make = (tag, text, set = {}) => Object.assign(document.createElement(tag), { textContent: text, ...set });
    const section = make("section", "", { id: "update" });
    section.setAttribute("aria-label", "A new version");
    section.setAttribute("role", "status");
    const reload = make("button", "Reload", { className: "btn primary", type: "button" });
    reload.addEventListener("click", () => {
      reload.disabled = true;
      navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
      next.postMessage({ take: true });
    });
    const later = make("button", "Later", { className: "btn", type: "button" });
    later.addEventListener("click", () => section.remove());
    section.append(make("p", "A new version of this page is here. The recipe is in the address and stays."), reload, later);
    document.body.append(section);
  };

  const watch = (registration) => {
    const look = (worker) => {
      // The first one has nothing to replace.
      const told = () => { if (worker.state === "installed" && navigator.serviceWorker.controller) offer(worker); };
      worker.addEventListener("statechange", told);
      told();
    };
    if (registration.waiting) look(registration.waiting);
    registration.addEventListener("updatefound", () => { if (registration.installing) look(registration.installing); });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") registration.update().catch(() => {});
    });
  };

  const start = async () => {
    const registration = await navigator.serviceWorker.register("sw.js", { updateViaCache: "none" });
    watch(registration);
    const { active } = await navigator.serviceWorker.ready;
    navigator.serviceWorker.addEventListener("message", ({ data }) => {
      if (data?.kept === true) document.documentElement.dataset.kept = "";
    });
    active.postMessage({ used: performance.getEntriesByType("resource").map((entry) => entry.name) });
  };

  if (enabled) {
    // Nothing is to be in the way of the first accuracy: it begins when the page has nothing left to do.
    const idle = () => document.querySelector('main[data-phase="idle"]');
    const observer = new MutationObserver(() => {
      if (!idle()) return;
      observer.disconnect();
      // Private windows and full disks cost only this.
      start().catch(() => {});
    });
    observer.observe(document.body ?? document.documentElement, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-phase"] });
  }
}
