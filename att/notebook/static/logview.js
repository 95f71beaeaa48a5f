// The log view: a window of rows over a LineStore. One store per model, any number of views of it.

const OVERSCAN = 6, LONGEST = 4000, PLACING_MS = 3000;
const ICONS = {
  follow: "M8 2v9m-4-4 4 4 4-4M3 14h10",
  prev: "M4 10l4-4 4 4",
  next: "M4 6l4 4 4-4",
  only: "M2 3h12l-4.5 5.5V13l-3 1.5v-6z",
  clock: "M8 4.5V8l2.5 1.5M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0z",
  copy: "M5.5 5.5V3.2A1.2 1.2 0 0 1 6.7 2h6.1A1.2 1.2 0 0 1 14 3.2v6.1a1.2 1.2 0 0 1-1.2 1.2h-2.3M3.2 5.5h6.1a1.2 1.2 0 0 1 1.2 1.2v6.1a1.2 1.2 0 0 1-1.2 1.2H3.2A1.2 1.2 0 0 1 2 12.8V6.7a1.2 1.2 0 0 1 1.2-1.2z",
  save: "M8 2v8m-3.5-3.5L8 10l3.5-3.5M2.5 12.5v1.5h11v-1.5",
};
const WORDS = { live: "live", reading: "reading…", lost: "connection lost, trying again…", ended: "ended", closed: "closed", failed: "" };
const SIGNS = { live: "●", reading: "…", lost: "↻", ended: "□", closed: "○", failed: "✗" };

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

const twoDigits = (n) => String(n).padStart(2, "0");
function clockTime(ms) {
  const t = new Date(ms);
  return `${twoDigits(t.getHours())}:${twoDigits(t.getMinutes())}:${twoDigits(t.getSeconds())}.${String(t.getMilliseconds()).padStart(3, "0")}`;
}

function firstAtLeast(numbers, wanted) {
  let low = 0, high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

class LogPanel {
  constructor(model, store, el) {
    [this.model, this.store, this.el] = [model, store, el];
    this.memory = `att-log:${model.get("project")}`;
    this.state = { follow: model.get("follow"), query: "", level: 0, stream: "", stamps: false, only: false, top: null, ...this.remembered() };
    this.shown = null; // numbers of the rows that pass the filters; null when all do
    this.hits = [];
    this.current = -1;
    this.seenEnd = 0;
    this.lastTop = 0;
    this.build();
    this.refilter();
    this.listen();
  }

  remembered() {
    try {
      return JSON.parse(sessionStorage.getItem(this.memory)) || {};
    } catch {
      return {};
    }
  }
  remember() {
    if (!this.placed || this.hidden || !this.scroll.clientHeight) return;
    const n = this.rowAt(Math.round(this.scroll.scrollTop / this.height)), time = this.store.time(n);
    if (this.state.follow) this.state.top = null;
    else if (time !== undefined) this.state.top = { time, text: this.store.text(n).slice(0, 200) };
    try {
      sessionStorage.setItem(this.memory, JSON.stringify(this.state));
    } catch {
      // A page without storage forgets where it was, nothing else.
    }
  }

  build() {
    const project = this.model.get("project");
    this.follow = button("follow", "Follow new lines (f)", this.state.follow);
    this.query = make("input", { type: "search", class: "att-log-query", placeholder: "Search", "aria-label": `Search the log of ${project}`, spellcheck: "false" });
    this.count = make("span", { class: "att-log-hits", "aria-live": "polite" });
    this.prev = button("prev", "Previous hit (Shift+Enter)");
    this.next = button("next", "Next hit (Enter)");
    this.only = button("only", "Show only lines with hits", this.state.only);
    this.level = choice("Least level", [["0", "All levels"], ["1", "Debug and up"], ["2", "Info and up"], ["3", "Warnings and up"], ["4", "Errors"]]);
    this.stream = choice("Stream", [["", "Both streams"], ["out", "stdout"], ["err", "stderr"]]);
    this.stamps = button("clock", "Show times", this.state.stamps);
    this.copy = button("copy", "Copy the selection, or all lines shown");
    this.save = button("save", "Download the lines shown");
    this.bar = make("div", { class: "att-log-bar", role: "toolbar", "aria-label": `Log of ${project}` },
      this.follow,
      make("span", { class: "att-log-search" }, this.query, this.count, this.prev, this.next, this.only),
      this.level, this.stream,
      make("span", { class: "att-log-end" }, this.stamps, this.copy, this.save));
    this.rows = make("div", { class: "att-log-rows" });
    this.space = make("div", { class: "att-log-space" }, this.rows);
    this.empty = make("div", { class: "att-log-empty" });
    this.scroll = make("div", { class: "att-log-scroll", tabindex: "0", role: "log", "aria-live": "off", "aria-label": `Lines of ${project}; arrow keys scroll, / searches, f follows` }, this.space);
    this.fresh = make("button", { type: "button", class: "att-log-fresh", hidden: "" });
    this.status = make("span", { class: "att-log-status", role: "status" });
    this.total = make("span", { class: "att-log-total" });
    this.el.classList.add("att-log");
    this.el.setAttribute("data-lm-suppress-shortcuts", "true");
    this.el.setAttribute("role", "region");
    this.el.setAttribute("aria-label", `Log of ${project}`);
    this.body = make("div", { class: "att-log-body" }, this.scroll, this.empty, this.fresh);
    this.body.style.height = this.model.get("height");
    this.el.append(this.bar, this.body, make("div", { class: "att-log-foot" }, this.status, this.total));
    this.query.value = this.state.query;
    this.level.value = String(this.state.level);
    this.stream.value = this.state.stream;
    this.el.classList.toggle("att-log-stamped", this.state.stamps);
    this.height = 18;
  }

  listen() {
    const on = (node, kind, does) => node.addEventListener(kind, does);
    on(this.follow, "click", () => this.setFollow(!this.state.follow));
    on(this.fresh, "click", () => this.setFollow(true));
    on(this.query, "input", () => this.change({ query: this.query.value }, true));
    on(this.query, "keydown", (e) => {
      if (e.key === "Enter") this.step(e.shiftKey ? -1 : 1);
      else if (e.key === "Escape" && this.query.value) {
        this.query.value = "";
        this.change({ query: "" });
      } else return;
      e.preventDefault();
    });
    on(this.prev, "click", () => this.step(-1));
    on(this.next, "click", () => this.step(1));
    on(this.only, "click", () => this.change({ only: this.toggled(this.only) }));
    on(this.level, "change", () => this.change({ level: Number(this.level.value) }));
    on(this.stream, "change", () => this.change({ stream: this.stream.value }));
    on(this.stamps, "click", () => {
      this.state.stamps = this.toggled(this.stamps);
      this.el.classList.toggle("att-log-stamped", this.state.stamps);
      this.draw();
      this.remember();
    });
    on(this.copy, "click", () => this.copyText());
    on(this.save, "click", () => this.download());
    on(this.scroll, "scroll", () => this.scrolled());
    on(this.scroll, "keydown", (e) => {
      if (e.ctrlKey || e.metaKey || e.altKey) return;
      if (e.key === "/") this.query.focus();
      else if (e.key === "f") this.setFollow(!this.state.follow);
      else if (e.key === "n" || e.key === "N") this.step(e.key === "N" ? -1 : 1);
      else if (e.key === "End") this.setFollow(true);
      else return;
      e.preventDefault();
    });
    // What is typed here is not a command of the notebook.
    on(this.el, "keydown", (e) => e.stopPropagation());
    this.heard = () => this.later();
    this.store.listeners.add(this.heard);
    this.told = () => this.showState();
    this.model.on("change:state", this.told);
    this.resized = new ResizeObserver(() => {
      this.hidden ||= !this.scroll.clientHeight;
      this.later();
    });
    this.resized.observe(this.scroll);
    this.gone = () => this.el.classList.add("att-gone");
    this.model.on("comm_live_update", this.gone);
    this.showState();
    this.later();
  }

  close() {
    this.store.listeners.delete(this.heard);
    this.model.off("change:state", this.told);
    this.model.off("comm_live_update", this.gone);
    this.resized.disconnect();
    clearTimeout(this.retry);
    cancelAnimationFrame(this.frame);
  }

  toggled(node) {
    const now = node.getAttribute("aria-pressed") !== "true";
    node.setAttribute("aria-pressed", String(now));
    return now;
  }

  change(what, jump = false) {
    const anchor = this.rowAt(Math.round(this.scroll.scrollTop / this.height));
    Object.assign(this.state, what);
    this.refilter();
    if (!this.state.follow) this.goTo(anchor);
    if (jump && this.state.query && this.hits.length) this.step(0);
    this.draw();
    this.remember();
  }

  setFollow(follow) {
    this.state.follow = follow;
    if (!follow) this.seenEnd = this.store.end;
    this.follow.setAttribute("aria-pressed", String(follow));
    this.follow.title = follow ? "Following new lines; click to pause (f)" : "Paused; click to follow (f)";
    this.later();
    this.remember();
  }

  // Filters and hits

  refilter() {
    const { query, level, stream, only } = this.state;
    const flags = /[A-Z]/.test(query) ? "" : "i";
    this.pattern = query ? new RegExp(query.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), flags) : null;
    this.shown = level || stream || (only && query) ? [] : null;
    this.hits = [];
    this.filtered = this.store.base;
    this.generation = this.store.generation;
    this.current = -1;
    this.extend();
  }

  extend() {
    // Looks at the rows that are new since the last time, and forgets those that are gone.
    const store = this.store;
    if (this.generation !== store.generation) return this.refilter();
    for (const list of [this.shown, this.hits]) {
      if (list && list.length && list[0] < store.base) list.splice(0, firstAtLeast(list, store.base));
    }
    for (let n = Math.max(this.filtered, store.base); n < store.end; n++) {
      const hit = this.pattern !== null && store.kind(n) === LINE && this.pattern.test(store.text(n));
      const passes = this.shown === null || this.passes(n, hit);
      if (this.shown !== null && passes) this.shown.push(n);
      if (hit && passes) this.hits.push(n);
    }
    this.filtered = store.end;
  }

  passes(n, hit) {
    if (this.store.kind(n) !== LINE) return true;
    const { level, stream, only, query } = this.state;
    if (level && this.store.level(n) < level) return false;
    if (stream && (stream === "err") !== this.store.isStderr(n)) return false;
    return !(only && query) || hit;
  }

  get length() {
    return this.shown === null ? this.store.texts.length : this.shown.length;
  }
  rowAt(place) {
    return this.shown === null ? this.store.base + place : this.shown[place];
  }
  placeOf(n) {
    return this.shown === null ? n - this.store.base : firstAtLeast(this.shown, n);
  }

  step(by) {
    if (!this.hits.length) return;
    let at = firstAtLeast(this.hits, this.current);
    if (this.current < 0) {
      // From what is seen on: the last hit while following, else the first one below the upper edge.
      const top = this.rowAt(Math.floor(this.scroll.scrollTop / this.height));
      at = this.state.follow ? this.hits.length - 1 : Math.min(firstAtLeast(this.hits, top), this.hits.length - 1);
    } else at = (at + by + this.hits.length) % this.hits.length;
    this.current = this.hits[at];
    this.setFollow(false);
    const place = this.placeOf(this.current) * this.height, room = this.scroll.clientHeight;
    if (place < this.scroll.scrollTop || place > this.scroll.scrollTop + room - this.height) this.moveTo(place - room / 2);
    this.later();
  }

  goTo(n) {
    if (n !== undefined) this.moveTo(this.placeOf(n) * this.height);
  }
  moveTo(top) {
    this.space.style.height = `${this.length * this.height}px`;
    if (!this.scroll.clientHeight) return;
    this.scroll.scrollTop = top;
    this.lastTop = this.scroll.scrollTop;
  }

  scrolled() {
    if (this.hidden || !this.scroll.clientHeight) return; // in a tab that is not on top, or scrolled out of the notebook
    const top = this.scroll.scrollTop, room = this.scroll.scrollHeight - this.scroll.clientHeight;
    if (this.state.follow && top < this.lastTop - 2 && top < room - 2) this.setFollow(false);
    else if (!this.state.follow && top > this.lastTop && top >= room - 2) this.setFollow(true);
    this.lastTop = top;
    this.draw();
    clearTimeout(this.remembering);
    this.remembering = setTimeout(() => this.remember(), 300);
  }

  // Drawing

  later() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.update();
    });
  }

  update() {
    if (this.hidden && this.scroll.clientHeight) {
      // Whoever is taken out of the page and put back has lost its place.
      this.hidden = false;
      this.moveTo(this.lastTop);
    }
    const base = this.lastBase ?? this.store.base, generation = this.generation;
    const before = this.shown === null ? this.store.base - base : this.shown.length && firstAtLeast(this.shown, this.store.base);
    this.extend();
    this.lastBase = this.store.base;
    if (this.state.follow) this.moveTo(this.length * this.height);
    else if (!this.placed) this.place();
    else if (before > 0 && generation === this.generation) this.moveTo(this.scroll.scrollTop - before * this.height);
    this.placed ||= this.state.follow;
    this.draw();
  }

  place() {
    // Goes back to where the reader was before the page or the kernel was new, once that line is here again.
    const { times, texts } = this.store, { top } = this.state;
    if (!times.length) return;
    this.since ??= performance.now();
    let at = firstAtLeast(times, top ? top.time : 0);
    // Many lines may have the same time.
    const same = top ? texts.findIndex((text, i) => times[i] === top.time && text.startsWith(top.text)) : -1;
    if (same >= 0) at = same;
    this.goTo(this.store.base + at);
    const arrived = !top || (same >= 0 && this.scroll.scrollTop >= this.placeOf(this.store.base + at) * this.height - 1);
    if (!arrived && performance.now() - this.since < PLACING_MS) return;
    this.placed = true;
    this.seenEnd = this.store.end;
    if (top && times[0] > top.time + 1) this.setFollow(this.model.get("follow"));
  }

  draw() {
    if (this.lastBase !== this.store.base || this.generation !== this.store.generation) return this.later();
    const { scroll, height, length } = this;
    if (!scroll.clientHeight) {
      this.hidden = true;
      // Hidden, or for a moment without a layout (a change of the theme), which no observer tells.
      this.retry ||= setTimeout(() => {
        this.retry = 0;
        this.later();
      }, 250);
      return this.drawCounts();
    }
    this.space.style.height = `${length * height}px`;
    const first = Math.max(0, Math.floor(scroll.scrollTop / height) - OVERSCAN);
    const last = Math.min(length, Math.ceil((scroll.scrollTop + scroll.clientHeight) / height) + OVERSCAN);
    this.rows.style.transform = `translateY(${first * height}px)`;
    const wanted = Math.max(0, last - first);
    while (this.rows.childElementCount > wanted) this.rows.lastChild.remove();
    while (this.rows.childElementCount < wanted) this.rows.append(document.createElement("div"));
    let node = this.rows.firstChild;
    for (let place = first; place < last; place++, node = node.nextSibling) this.drawRow(node, this.rowAt(place));
    this.drawCounts();
  }

  drawRow(node, n) {
    const store = this.store, kind = store.kind(n), text = store.text(n);
    const key = `${n}|${this.generation}|${this.state.query}|${this.state.stamps}|${n === this.current}`;
    if (node.attKey === key) return;
    node.attKey = key;
    if (kind !== LINE) {
      node.className = `att-log-row att-log-mark att-log-${["", "run", "gap", "note"][kind]}`;
      node.replaceChildren(make("span", {}, `${["", "▶ ", "⋯ ", "■ "][kind]}${text}`));
      return;
    }
    const error = store.isStderr(n), level = LEVELS[store.level(n)];
    node.className = `att-log-row att-log-${level}${error ? " att-log-err" : ""}${n === this.current ? " att-log-current" : ""}`;
    const parts = [make("span", { class: "att-log-stream", title: error ? "stderr" : "stdout" }, error ? "err" : "")];
    if (this.state.stamps) parts.unshift(make("time", { title: new Date(store.time(n)).toISOString() }, clockTime(store.time(n))));
    node.replaceChildren(...parts, this.content(n, text));
    if (store.isPartial(n)) node.append(make("span", { class: "att-log-cut", title: "the line goes on below" }, "↩"));
  }

  content(n, whole) {
    const text = whole.length > LONGEST ? whole.slice(0, LONGEST) : whole;
    const holder = make("span", { class: "att-log-text" });
    const spans = this.store.spans.get(n) || [];
    const cuts = new Set([0, text.length]);
    for (const [start, end] of spans) cuts.add(Math.min(start, text.length)).add(Math.min(end, text.length));
    const found = [];
    if (this.pattern) {
      for (const match of text.matchAll(new RegExp(this.pattern.source, this.pattern.flags + "g"))) {
        found.push([match.index, match.index + match[0].length]);
        cuts.add(match.index).add(match.index + match[0].length);
      }
    }
    const edges = [...cuts].sort((a, b) => a - b);
    for (let i = 0; i + 1 < edges.length; i++) {
      const [start, end] = [edges[i], edges[i + 1]], piece = text.slice(start, end);
      const span = spans.find((s) => s[0] <= start && end <= s[1]);
      const hit = found.some((f) => f[0] <= start && end <= f[1]);
      if (!span && !hit) holder.append(piece);
      else {
        const inner = make(hit ? "mark" : "span", {}, piece);
        if (span) [inner.className, inner.style.cssText] = [span[2], span[3]];
        holder.append(inner);
      }
    }
    if (whole.length > LONGEST) holder.append(make("i", { class: "att-log-cut" }, ` … ${whole.length - LONGEST} more characters; copy or download has them`));
    return holder;
  }

  drawCounts() {
    const { follow, query } = this.state, store = this.store;
    const place = this.current < 0 ? 0 : firstAtLeast(this.hits, this.current) + 1;
    this.count.textContent = !query ? "" : this.hits.length ? `${place ? `${place}/` : ""}${this.hits.length}` : "none";
    for (const node of [this.prev, this.next]) node.disabled = !this.hits.length;
    const waiting = follow ? 0 : this.length - this.placeOf(Math.max(this.seenEnd, store.base));
    this.fresh.hidden = waiting <= 0;
    if (waiting > 0) this.fresh.textContent = `↓ ${waiting.toLocaleString("en")} new ${waiting === 1 ? "line" : "lines"}`;
    const kept = store.texts.length;
    const filtered = this.shown === null ? "" : `${this.length.toLocaleString("en")} shown of `;
    const gone = store.base > 0 && kept ? `, older ones are in p.logs.read()` : "";
    this.total.textContent = `${filtered}${kept.toLocaleString("en")} ${kept === 1 ? "line" : "lines"}${gone}`;
    const why = this.length ? "" : kept ? "No line passes the filters." : this.model.get("state").kind === "reading" ? "Reading…" : "Nothing written yet. Lines appear here as soon as the project runs.";
    this.empty.textContent = why;
    this.empty.hidden = !why;
  }

  showState() {
    const { kind, text } = this.model.get("state");
    this.status.className = `att-log-status att-log-is-${kind}`;
    this.status.textContent = `${SIGNS[kind]} ${text || WORDS[kind]}`;
    this.drawCounts();
  }

  // Taking lines along

  plain() {
    const lines = [];
    for (let place = 0; place < this.length; place++) {
      const n = this.rowAt(place), stamp = this.state.stamps ? `${new Date(this.store.time(n)).toISOString()} ` : "";
      const mark = ["", "--- ", "... ", "--- "][this.store.kind(n)];
      lines.push(stamp + mark + this.store.text(n) + (this.store.isPartial(n) ? "" : "\n"));
    }
    return lines.join("");
  }

  async copyText() {
    const selection = document.getSelection();
    const inside = selection && !selection.isCollapsed && this.rows.contains(selection.anchorNode);
    const text = inside ? selection.toString() : this.plain();
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Pages that are not served from this machine or over TLS have no clipboard of their own.
      const area = make("textarea", { style: "position:fixed;opacity:0" });
      area.value = text;
      this.el.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    this.copy.classList.add("att-log-done");
    this.copy.title = "Copied";
    setTimeout(() => {
      this.copy.classList.remove("att-log-done");
      this.copy.title = this.copy.getAttribute("aria-label");
    }, 1200);
  }

  download() {
    const link = make("a", { download: `${this.model.get("project")}.log`, href: URL.createObjectURL(new Blob([this.plain()], { type: "text/plain" })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
}

export default () => {
  let store, chain = Promise.resolve();
  return {
    initialize({ model }) {
      store = new LineStore(model.get("limit"));
      const ask = () => model.send({ type: "hello", epoch: store.epoch, next: store.next });
      const hear = (message, buffers) => {
        if (message.type !== "lines") return;
        // One after the other: unpacking is asynchronous, the order of rows is not.
        chain = chain.then(async () => store.take({ ...message, data: await inflated(buffers[0]) }, ask)).catch(console.error);
      };
      model.on("msg:custom", hear);
      ask();
      return () => model.off("msg:custom", hear);
    },
    render({ model, el }) {
      const panel = new LogPanel(model, store, el);
      el.attLog = panel;
      return () => panel.close();
    },
  };
};
