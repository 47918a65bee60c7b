// Says so when the page itself cannot start or has stopped: its own code cannot any longer.
{
  const starting = () => document.querySelector('#app > main[data-phase="starting"]');
  const tell = (title, text) => {
    if (document.getElementById("failure")) return;
    const make = (tag, content, set = {}) => Object.assign(document.createElement(tag), { textContent: content, ...set });
    const section = make("section", "", { id: "failure", className: "plain" });
    section.setAttribute("role", "alert");
    const reload = make("button", "Reload", { className: "btn primary", type: "button" });
    reload.addEventListener("click", () => location.reload());
    section.append(make("h1", title), make("p", text), reload);
    const main = starting();
    if (main) {
      // The ghosts of the page would wait for ever. A late start clears all of this.
      main.dataset.phase = "failed";
      main.removeAttribute("aria-busy");
      main.className = "plain";
      main.replaceChildren(section);
    } else {
      document.body.prepend(section);
      section.scrollIntoView();
    }
  };
  const unstarted = () => {
    if (starting()) tell("The page could not start", "A part of it could not be fetched or compiled. Check the connection and reload the page.");
  };
  addEventListener("unhandledrejection", unstarted);
  // Scripts that do not come tell it by an event that does not bubble; pictures and styles are no reason to stop.
  addEventListener("error", (event) => {
    if (event instanceof ErrorEvent || event.target instanceof HTMLScriptElement) unstarted();
  }, true);
  addEventListener("bitdial-panic", () => {
    tell("The page has stopped", "Something in it went wrong that it cannot go on from. Reloading starts it anew; the recipe is in the address and stays.");
  });
}
