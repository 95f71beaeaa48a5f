// Which rows of a LineStore are shown and which are hits, kept up as rows come and go.

function firstAtLeast(numbers, wanted) {
  let low = 0, high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

class RowFilter {
  constructor(store, state) {
    this.store = store;
    this.choose(state);
  }

  choose({ query, level, stream, only }) {
    // Begins again with these choices.
    this.chosen = { query, level, stream, only };
    const flags = /[A-Z]/.test(query) ? "" : "i";
    this.pattern = query ? new RegExp(query.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), flags) : null;
    this.shown = level || stream || (only && query) ? [] : null; // numbers of the rows that pass; null when all do
    this.hits = [];
    this.current = -1; // number of the hit one stands on
    this.seen = this.store.base;
    this.generation = this.store.generation;
    this.extend();
  }

  extend() {
    // Looks at the rows that are new since the last time, and forgets those that are gone.
    const store = this.store;
    if (this.generation !== store.generation) return this.choose(this.chosen);
    for (const list of [this.shown, this.hits]) {
      if (list && list.length && list[0] < store.base) list.splice(0, firstAtLeast(list, store.base));
    }
    for (let n = Math.max(this.seen, store.base); n < store.end; n++) {
      const hit = this.pattern !== null && store.kind(n) === LINE && this.pattern.test(store.text(n));
      const passes = this.shown === null || this.passes(n, hit);
      if (this.shown !== null && passes) this.shown.push(n);
      if (hit && passes) this.hits.push(n);
    }
    this.seen = store.end;
  }

  passes(n, hit) {
    if (this.store.kind(n) !== LINE) return true;
    const { level, stream, only, query } = this.chosen;
    if (level && this.store.level(n) < level) return false;
    if (stream && (stream === "err") !== this.store.isStderr(n)) return false;
    return !(only && query) || hit;
  }

  get all() {
    return this.shown === null;
  }
  get length() {
    return this.all ? this.store.texts.length : this.shown.length;
  }
  rowAt(place) {
    return this.all ? this.store.base + place : this.shown[place];
  }
  placeOf(n) {
    return this.all ? n - this.store.base : firstAtLeast(this.shown, n);
  }

  goneSince(base) {
    // How many of the rows that were shown are no longer kept, since the store began at `base`.
    if (this.all) return this.store.base - base;
    return this.shown.length && firstAtLeast(this.shown, this.store.base);
  }
  hitsIn(text) {
    return this.pattern ? [...text.matchAll(new RegExp(this.pattern.source, this.pattern.flags + "g"))].map((m) => [m.index, m.index + m[0].length]) : [];
  }
}
