// What a log view keeps: a bounded ring of rows, in the order of their numbers, none twice and every hole marked.

const LINE = 0, RUN = 1, GAP = 2, NOTE = 3;
const STDERR = 1, PARTIAL = 2;
const LEVELS = ["trace", "debug", "info", "warning", "error"];
const LEVEL = /\b(?:(TRACE)|(DEBUG|DBG)|(INFO|NOTICE)|(WARN(?:ING)?)|(ERROR|ERR|CRITICAL|FATAL|PANIC|SEVERE))\b/;
const NAMED = /\b(?:level|severity|lvl)["']?\s*[=:]\s*["']?(?:(trace)|(debug)|(info|notice)|(warn)|(err|crit|fatal))/i;
const RAISED = /^(?:Traceback \(most recent|[\w.]*(?:Error|Exception|Interrupt)\b(?::|$)|panic:)/;
const NEEDS_CARE = /[\x00-\x08\x0b-\x1f\x7f]/;
const GAP_PATIENCE_MS = 5000;
const MOST_CHARACTERS = 32 * 2 ** 20; // of all rows; long lines fill a page before there are many

async function inflated(view) {
  const stream = new Blob([view]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

class LineStore {
  constructor(limit) {
    this.limit = limit;
    this.generation = 0; // grows when kept rows have got other numbers
    this.listeners = new Set();
    this.clear(null);
  }

  clear(epoch) {
    this.generation++;
    this.epoch = epoch;
    this.next = null; // number of the row that comes next
    this.base = 0; // number of the first row that is kept
    this.texts = [];
    this.times = [];
    this.marks = []; // stream and partial in bits 0-1, kind in bits 2-3, level above
    this.between = []; // numbers of the rows that are no lines
    this.spans = new Map();
    this.styles = [null, null];
    this.levels = [2, 2];
    this.early = [];
    this.waitingSince = null;
    this.lines = 0;
    this.characters = 0;
  }

  get end() {
    return this.base + this.texts.length;
  }
  text(n) {
    return this.texts[n - this.base];
  }
  time(n) {
    return this.times[n - this.base];
  }
  kind(n) {
    return (this.marks[n - this.base] >> 2) & 3;
  }
  level(n) {
    return this.marks[n - this.base] >> 4;
  }
  isStderr(n) {
    return (this.marks[n - this.base] & STDERR) !== 0;
  }
  isPartial(n) {
    return (this.marks[n - this.base] & PARTIAL) !== 0;
  }

  take(batch, ask) {
    // Rows that are here already are dropped; a hole is asked for once, and marked when it is not filled in time.
    if (batch.epoch !== this.epoch) this.clear(batch.epoch);
    if (this.next === null && batch.first > 0 && batch.answers !== 0) {
      // Sent before the kernel had heard of this page: what is before it is still to come.
      this.waitingSince ??= performance.now();
      this.early.push(batch);
      if (performance.now() - this.waitingSince < GAP_PATIENCE_MS) return;
      this.waitingSince = performance.now();
      return ask();
    }
    if (this.next !== null && batch.first > this.next) {
      if (!this.early.length) {
        this.waitingSince = performance.now();
        ask();
      }
      this.early.push(batch);
      const lost = batch.answers === this.next; // the kernel itself has no earlier ones
      if (!lost && performance.now() - this.waitingSince < GAP_PATIENCE_MS) return;
      this.early.sort((a, b) => a.first - b.first);
      const missing = this.early[0].first - this.next;
      this.add(`${missing} ${missing === 1 ? "line" : "lines"} did not reach this page`, batch.base, GAP << 2);
      this.renumber(missing - 1); // the marker stands for all of them
      this.next = this.early[0].first;
    } else {
      this.append(batch);
    }
    const waiting = this.early.filter((b) => b.first + b.count > this.next).sort((a, b) => a.first - b.first);
    this.early = [];
    for (const held of waiting) held.first > this.next ? this.early.push(held) : this.append(held);
    this.trim();
    for (const listener of this.listeners) listener();
  }

  renumber(by) {
    this.base += by;
    this.between = this.between.map((n) => n + by);
    this.spans = new Map([...this.spans].map(([n, spans]) => [n + by, spans]));
    this.generation++;
  }

  append(batch) {
    if (this.next === null) this.base = this.next = batch.first;
    const skip = this.next - batch.first;
    if (skip >= batch.count) return;
    const delays = new Uint32Array(batch.data, 0, batch.count);
    const flags = new Uint8Array(batch.data, batch.count * 4, batch.count);
    const texts = new TextDecoder().decode(new Uint8Array(batch.data, batch.count * 5)).split("\n");
    for (let i = skip; i < batch.count; i++) this.add(texts[i], batch.base + delays[i], flags[i]);
    this.next = batch.first + batch.count;
  }

  add(raw, time, flags) {
    const kind = (flags >> 2) & 3, stream = flags & STDERR, n = this.end;
    let text = raw;
    if (kind === RUN) [this.styles, this.levels] = [[null, null], [2, 2]];
    if (kind === LINE && (this.styles[stream] || NEEDS_CARE.test(raw))) {
      const [plain, spans, style] = plainAndSpans(raw, this.styles[stream]);
      text = plain;
      this.styles[stream] = style;
      if (spans) this.spans.set(n, spans);
    }
    if (kind === LINE) this.lines++;
    else this.between.push(n);
    this.characters += text.length;
    this.texts.push(text);
    this.times.push(time);
    this.marks.push((flags & 15) | ((kind === LINE ? this.levelOf(text, stream) : 4) << 4));
  }

  levelOf(text, stream) {
    // A line without a level of its own belongs to the one before when it is indented.
    const head = text.length > 300 ? text.slice(0, 300) : text;
    const found = NAMED.exec(head) || LEVEL.exec(head);
    if (found) this.levels[stream] = found.findIndex((group, i) => i > 0 && group) - 1;
    else if (RAISED.test(text)) this.levels[stream] = 4;
    else if (!/^\s/.test(text)) this.levels[stream] = 2;
    return this.levels[stream];
  }

  trim() {
    // In pieces of a tenth, since every piece moves what is kept.
    if (this.texts.length < this.limit * 1.1 && this.characters < MOST_CHARACTERS * 1.1) return;
    let over = 0;
    while (this.texts.length - over > this.limit || (this.characters > MOST_CHARACTERS && over < this.texts.length - 1))
      this.characters -= this.texts[over++].length;
    this.texts.splice(0, over);
    this.times.splice(0, over);
    this.marks.splice(0, over);
    this.base += over;
    this.between = this.between.filter((n) => n >= this.base);
    for (const n of this.spans.keys()) {
      if (n >= this.base) break;
      this.spans.delete(n);
    }
  }
}
