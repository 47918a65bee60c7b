// Shows whoever goes by keys what a pointer reads at a control: its title, which assistive technology reads anyway.
{
  const hint = Object.assign(document.createElement("p"), { className: "keyhint", hidden: true });
  hint.setAttribute("aria-hidden", "true");
  let at = null;

  const place = () => {
    if (!at) return;
    const box = at.getBoundingClientRect();
    const own = hint.getBoundingClientRect();
    const below = box.bottom + 8 + own.height < innerHeight;
    hint.style.top = `${below ? box.bottom + 8 : box.top - own.height - 8}px`;
    hint.style.left = `${Math.max(8, Math.min(box.left, innerWidth - own.width - 8))}px`;
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
