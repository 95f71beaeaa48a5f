// A piece of a page that Python writes: keeps what the reader has opened, scrolled and focused when it is written anew.

const HEARD_MS = 1000; // after so long what was read out is taken away: it stands in the view as well
const LIVE = "[role='status'], [role='alert']", FOCUSABLE = "a, button, summary, [tabindex]";
const PRESSED = ["pointerdown", "keydown"], LET_GO = ["pointerup", "pointercancel", "keyup", "blur"];

function keyed(el, attribute) {
  return [...el.querySelectorAll(`[${attribute}]`)].map((node) => [node.getAttribute(attribute), node]);
}

function textOf(node) {
  return node.textContent.trim().replace(/\s+/g, " ");
}

// Whether they differ only in words and looks: then the nodes stay, and with them a selection, a tooltip, a press.
function alike(old, fresh) {
  return old.childNodes.length === fresh.childNodes.length && [...old.childNodes].every((node, at) => {
    const other = fresh.childNodes[at];
    return node.nodeName === other.nodeName && meaning(node) === meaning(other) && alike(node, other);
  });
}

function meaning(node) {
  return JSON.stringify(Object.entries(node.dataset ?? {}).sort());
}

function rewrite(old, fresh) {
  old.childNodes.forEach((node, at) => {
    const other = fresh.childNodes[at];
    if (node.nodeType === Node.TEXT_NODE && node.data !== other.data) node.data = other.data;
    // What is folded is up to the reader.
    const names = new Set([...(node.attributes ?? []), ...(other.attributes ?? [])].map(({ name }) => name));
    names.delete("open");
    for (const name of names) {
      if (!other.hasAttribute(name)) node.removeAttribute(name);
      else if (node.getAttribute(name) !== other.getAttribute(name)) node.setAttribute(name, other.getAttribute(name));
    }
    rewrite(node, other);
  });
}

function lead(view) {
  // An address of the machine that the project runs on leads nowhere in a browser on another one.
  if (["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) return;
  for (const link of view.querySelectorAll("a[data-proxied]")) {
    if (link.dataset.proxied) link.href = link.dataset.proxied;
    else link.removeAttribute("href");
  }
}

function render({ model, el }) {
  el.classList.add("att");
  el.setAttribute("data-lm-suppress-shortcuts", "true");
  const view = Object.assign(document.createElement("div"), { className: "att-view" });
  // What is written anew every few seconds must be read out only when it says something else, and not at first.
  const voice = Object.assign(document.createElement("div"), { className: "att-voice" });
  voice.setAttribute("role", "status");
  el.append(view, voice);
  let said = null, heard = 0;
  const say = (words) => {
    clearTimeout(heard);
    voice.textContent = words;
    heard = setTimeout(() => voice.replaceChildren(), HEARD_MS);
  };
  const speak = (content) => {
    const live = [...content.querySelectorAll(LIVE)], now = new Set(live.map(textOf)), news = [];
    for (const node of live) {
      const known = said === null || said.has(textOf(node)), urgent = node.getAttribute("role") === "alert";
      if (known || !urgent) node.setAttribute("aria-live", "off");
      if (!known && !urgent) news.push(textOf(node));
    }
    if (news.length) say(news.join(". "));
    said = now;
  };
  const refocus = (was, at) => {
    const same = was.dataset.focus && view.querySelector(`[data-focus="${CSS.escape(was.dataset.focus)}"]`);
    const node = same || view.querySelectorAll(FOCUSABLE)[at];
    if (same || node?.tagName === was.tagName) node.focus({ preventScroll: true });
  };
  const places = new Map(); // of what the reader has scrolled
  const place = (node) => {
    const { top, left } = places.get(node.dataset.scroll) ?? { top: node.dataset.end ? node.scrollHeight : 0, left: 0 };
    node.scrollTo(left, top);
    [node.attTop, node.attLeft] = [node.scrollTop, node.scrollLeft];
  };
  // What is not in the page yet, or folded, has no height to scroll in.
  const shown = new ResizeObserver((entries) => entries.forEach(({ target }) => target.clientHeight && place(target)));
  const scrolled = ({ target: node }) => {
    const { scroll, end } = node.dataset ?? {}, { scrollTop: top, scrollLeft: left, clientHeight, scrollHeight } = node;
    if (!scroll || !clientHeight || (Math.abs(top - node.attTop) < 1 && Math.abs(left - node.attLeft) < 1)) return;
    [node.attTop, node.attLeft] = [top, left];
    if (end && top + clientHeight >= scrollHeight - 2) places.delete(scroll);
    else places.set(scroll, { top, left });
  };
  // A click is one only where the same element is pressed and let go.
  let pressed = false, late = false;
  const press = (event) => {
    pressed = pressed || event.button === 0 || event.key === " ";
  };
  const letGo = ({ type, target }) => {
    if (!pressed || (type === "blur" && target !== window)) return; // the focus is elsewhere in the page now
    setTimeout(() => {
      pressed = false;
      if (late) draw();
    });
  };
  const draw = () => {
    const fresh = document.createElement("template");
    fresh.innerHTML = model.get("html");
    const kept = alike(view, fresh.content);
    late = pressed && !kept;
    if (late) return;
    speak(fresh.content);
    if (kept) rewrite(view, fresh.content);
    else replace(fresh.content);
    lead(view);
    for (const [, node] of keyed(view, "data-scroll")) place(node);
  };
  const replace = (content) => {
    const open = new Map(keyed(view, "data-key").map(([key, node]) => [key, node.open]));
    const focused = view.contains(document.activeElement) && document.activeElement.closest(FOCUSABLE);
    const at = focused ? [...view.querySelectorAll(FOCUSABLE)].indexOf(focused) : -1;
    view.replaceChildren(content);
    for (const [key, node] of keyed(view, "data-key")) if (open.has(key)) node.open = open.get(key);
    shown.disconnect();
    for (const [, node] of keyed(view, "data-scroll")) shown.observe(node);
    if (focused) refocus(focused, at);
  };
  const act = (event) => {
    const node = event.target.closest("[data-act]");
    if (node) model.send({ type: "act", name: node.dataset.act, value: node.dataset.value || "" });
  };
  const keep = (event) => event.stopPropagation();
  model.on("change:html", draw);
  for (const type of PRESSED) el.addEventListener(type, press);
  for (const type of LET_GO) window.addEventListener(type, letGo, true);
  el.addEventListener("click", act);
  el.addEventListener("keydown", keep);
  el.addEventListener("scroll", scrolled, true);
  draw();
  return () => {
    model.off("change:html", draw);
    for (const type of PRESSED) el.removeEventListener(type, press);
    for (const type of LET_GO) window.removeEventListener(type, letGo, true);
    el.removeEventListener("click", act);
    el.removeEventListener("keydown", keep);
    el.removeEventListener("scroll", scrolled, true);
    shown.disconnect();
    clearTimeout(heard);
    el.replaceChildren();
  };
}

export default { render };
