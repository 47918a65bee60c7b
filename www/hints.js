// Shows whoever goes by keys what a pointer reads at a control: its title, which assistive technology reads anyway.
{
  const hint = Object.assign(document.createElement("p"), { className: "keyhint", hidden: true });
  hint.setAttribute("aria-hidden", "true");
  let at = null;

  const place = () => {
    if (!at) return;
    const box = at.getBoundingClientRect();
    const below = box.bottom + 8;
    const top = below + hint.offsetHeight < innerHeight - 8 ? below : box.top - hint.offsetHeight - 8;
    const left = Math.max(8, Math.min(box.left, innerWidth - hint.offsetWidth - 8));
    Object.assign(hint.style, { left: `${left}px`, top: `${top}px` });
  };
  const hide = () => {
    at = null;
    hint.hidden = true;
  };

  addEventListener("focusin", ({ target }) => {
    hide();
    const said = target.matches?.(":focus-visible") && target.closest("[title]");
    if (!said) return;
    at = target;
    hint.textContent = said.title;
    hint.hidden = false;
    // What lies behind an open dialog cannot be seen.
    (target.closest("dialog") ?? document.body).append(hint);
    place();
  });
  addEventListener("focusout", hide);
  // It is read by now, and what is being changed is not to be covered.
  addEventListener("keydown", hide);
  addEventListener("scroll", place, { capture: true, passive: true });
}
