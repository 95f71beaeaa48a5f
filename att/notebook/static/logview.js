// The log view: a window of rows over a LineStore, in the page. One store per model, any number of views of it.

const OVERSCAN = 6, PLACING_MS = 3000;
const WORDS = { live: "live", reading: "reading…", lost: "connection lost, trying again…", ended: "ended", closed: "closed", failed: "" };
const SIGNS = { live: "●", reading: "…", lost: "↻", ended: "□", closed: "○", failed: "✗" };

class LogPanel {
  constructor(model, store, el) {
    [this.model, this.store, this.el] = [model, store, el];
    this.memory = `att-log:${model.get("place")}`;
    this.state = { follow: model.get("follow"), query: "", level: 0, stream: "", stamps: false, only: false, top: null, ...this.remembered() };
    this.filter = new RowFilter(store, this.state);
    this.seenEnd = 0;
    this.lastTop = 0;
    this.build();
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
    const n = this.filter.rowAt(Math.round(this.scroll.scrollTop / this.height)), time = this.store.time(n);
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
      this.level, this.model.get("stream") ? "" : this.stream,
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
    on(this.copy, "mousedown", (e) => e.preventDefault()); // it would end the selection
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
    const anchor = this.filter.rowAt(Math.round(this.scroll.scrollTop / this.height));
    Object.assign(this.state, what);
    this.filter.choose(this.state);
    if (!this.state.follow) this.goTo(anchor);
    if (jump && this.state.query && this.filter.hits.length) this.step(0);
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

  step(by) {
    const { filter } = this, { hits } = filter;
    if (!hits.length) return;
    let at = firstAtLeast(hits, filter.current);
    if (filter.current < 0) {
      // From what is seen on: the last hit while following, else the first one below the upper edge.
      const top = filter.rowAt(Math.floor(this.scroll.scrollTop / this.height));
      at = this.state.follow ? hits.length - 1 : Math.min(firstAtLeast(hits, top), hits.length - 1);
    } else at = (at + by + hits.length) % hits.length;
    filter.current = hits[at];
    this.setFollow(false);
    const place = filter.placeOf(filter.current) * this.height, room = this.scroll.clientHeight;
    if (place < this.scroll.scrollTop || place > this.scroll.scrollTop + room - this.height) this.moveTo(place - room / 2);
    this.later();
  }

  goTo(n) {
    if (n !== undefined) this.moveTo(this.filter.placeOf(n) * this.height);
  }
  moveTo(top) {
    this.space.style.height = `${this.filter.length * this.height}px`;
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
    const base = this.lastBase ?? this.store.base, generation = this.filter.generation;
    const before = this.filter.goneSince(base);
    this.filter.extend();
    this.lastBase = this.store.base;
    if (this.state.follow) this.moveTo(this.filter.length * this.height);
    else if (!this.placed) this.place();
    else if (before > 0 && generation === this.filter.generation) {
      if (this.scroll.clientHeight) this.moveTo(this.scroll.scrollTop - before * this.height);
      else this.lastTop = Math.max(0, this.lastTop - before * this.height); // out of sight
    }
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
    const arrived = !top || (same >= 0 && this.scroll.scrollTop >= this.filter.placeOf(this.store.base + at) * this.height - 1);
    if (!arrived && performance.now() - this.since < PLACING_MS) return;
    this.placed = true;
    this.seenEnd = this.store.end;
    if (top && times[0] > top.time + 1) this.setFollow(this.model.get("follow"));
  }

  draw() {
    if (this.lastBase !== this.store.base || this.filter.generation !== this.store.generation) return this.later();
    const { scroll, height } = this, { length } = this.filter;
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
    const wanted = [];
    for (let place = first; place < last; place++) wanted.push(this.filter.rowAt(place));
    placeRows(this.rows, wanted, (node, n) => drawRow(node, n, this.store, this.filter, this.state.stamps));
    this.drawCounts();
  }

  drawCounts() {
    const { filter, store } = this, { hits, length } = filter, { follow, query } = this.state;
    const at = filter.current < 0 ? "" : `${firstAtLeast(hits, filter.current) + 1}/`;
    this.count.textContent = !query ? "" : hits.length ? `${at}${hits.length}` : "none";
    for (const node of [this.prev, this.next]) node.disabled = !hits.length;
    const { between } = store, from = Math.max(this.seenEnd, store.base);
    const waiting = follow ? 0 : length - filter.placeOf(from) - between.filter((n) => n >= from).length;
    this.fresh.hidden = waiting <= 0;
    if (waiting > 0) this.fresh.textContent = `↓ ${waiting.toLocaleString("en")} new ${waiting === 1 ? "line" : "lines"}`;
    const kept = store.texts.length - between.length;
    const shown = filter.all ? "" : `${(length - between.length).toLocaleString("en")} shown of `;
    const gone = store.base > 0 && kept ? `, older ones are in p.logs.read()` : "";
    this.total.textContent = `${shown}${kept.toLocaleString("en")} ${kept === 1 ? "line" : "lines"}${gone}`;
    this.empty.textContent = this.whyEmpty();
    this.empty.hidden = length > 0;
  }

  whyEmpty() {
    if (this.filter.length) return "";
    if (this.store.texts.length) return "No line passes the filters.";
    return this.model.get("state").kind === "reading" ? "Reading…" : "Nothing written yet. Lines appear here as soon as the project runs.";
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
    for (let place = 0; place < this.filter.length; place++) {
      const n = this.filter.rowAt(place), stamp = this.state.stamps ? `${new Date(this.store.time(n)).toISOString()} ` : "";
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
