// Small pieces of a page: icons, buttons, choices.

const ICONS = {
  follow: "M8 2v9m-4-4 4 4 4-4M3 14h10",
  prev: "M4 10l4-4 4 4",
  next: "M4 6l4 4 4-4",
  only: "M2 3h12l-4.5 5.5V13l-3 1.5v-6z",
  clock: "M8 4.5V8l2.5 1.5M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0z",
  copy: "M5.5 5.5V3.2A1.2 1.2 0 0 1 6.7 2h6.1A1.2 1.2 0 0 1 14 3.2v6.1a1.2 1.2 0 0 1-1.2 1.2h-2.3M3.2 5.5h6.1a1.2 1.2 0 0 1 1.2 1.2v6.1a1.2 1.2 0 0 1-1.2 1.2H3.2A1.2 1.2 0 0 1 2 12.8V6.7a1.2 1.2 0 0 1 1.2-1.2z",
  save: "M8 2v8m-3.5-3.5L8 10l3.5-3.5M2.5 12.5v1.5h11v-1.5",
};

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function icon(name) {
  const holder = document.createElement("span");
  holder.className = "att-icon";
  holder.innerHTML = `<svg viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d="${ICONS[name]}"/></svg>`;
  return holder;
}

function button(name, label, pressed) {
  const node = make("button", { type: "button", class: `att-log-button att-log-${name}`, title: label, "aria-label": label }, icon(name));
  if (pressed !== undefined) node.setAttribute("aria-pressed", String(pressed));
  return node;
}

function choice(label, options) {
  const node = make("select", { class: "att-log-choice", title: label, "aria-label": label });
  for (const [value, text] of options) node.append(make("option", { value }, text));
  return node;
}
