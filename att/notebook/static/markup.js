// A piece of a page that Python writes: keeps what the reader has opened, scrolled and focused when it is written anew.

function keyed(el, attribute) {
  return [...el.querySelectorAll(`[${attribute}]`)].map((node) => [node.getAttribute(attribute), node]);
}

function render({ model, el }) {
  el.classList.add("att");
  el.setAttribute("data-lm-suppress-shortcuts", "true");
  const draw = () => {
    const open = new Map(keyed(el, "data-key").map(([key, node]) => [key, node.open]));
    const tops = new Map(keyed(el, "data-scroll").map(([key, node]) => [key, node.scrollTop]));
    const focused = el.contains(document.activeElement) && document.activeElement.closest("[data-focus]");
    el.innerHTML = model.get("html");
    for (const [key, node] of keyed(el, "data-key")) if (open.has(key)) node.open = open.get(key);
    for (const [key, node] of keyed(el, "data-scroll")) node.scrollTop = tops.get(key) ?? (node.dataset.end ? node.scrollHeight : 0);
    if (focused) el.querySelector(`[data-focus="${CSS.escape(focused.dataset.focus)}"]`)?.focus();
  };
  const act = (event) => {
    const node = event.target.closest("[data-act]");
    if (node) model.send({ type: "act", name: node.dataset.act, value: node.dataset.value || "" });
  };
  const keep = (event) => event.stopPropagation();
  model.on("change:html", draw);
  el.addEventListener("click", act);
  el.addEventListener("keydown", keep);
  draw();
  return () => {
    model.off("change:html", draw);
    el.removeEventListener("click", act);
    el.removeEventListener("keydown", keep);
  };
}

export default { render };
