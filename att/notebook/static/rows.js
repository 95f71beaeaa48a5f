// One row of a log: time, stream, text with its colours and hits.

const LONGEST = 4000;

const twoDigits = (n) => String(n).padStart(2, "0");
function clockTime(ms) {
  const t = new Date(ms);
  return `${twoDigits(t.getHours())}:${twoDigits(t.getMinutes())}:${twoDigits(t.getSeconds())}.${String(t.getMilliseconds()).padStart(3, "0")}`;
}

function placeRows(holder, wanted, draw) {
  // Rows that stay in sight keep their nodes, and with them what is selected; those of other rows are used again.
  const staying = new Set(wanted), spare = [...holder.children].filter((node) => !staying.has(node.attRow));
  for (const node of spare) node.remove();
  let at = holder.firstChild;
  for (const n of wanted) {
    let node = at;
    if (at?.attRow === n) at = at.nextSibling;
    else {
      node = spare.pop() || document.createElement("div");
      node.attRow = n;
      holder.insertBefore(node, at);
    }
    draw(node, n);
  }
}

function drawRow(node, n, store, filter, stamps) {
  // Draws a row into its node, unless it is there already.
  const kind = store.kind(n), text = store.text(n);
  const key = `${n}|${filter.generation}|${filter.chosen.query}|${stamps}|${n === filter.current}`;
  if (node.attKey === key) return;
  node.attKey = key;
  if (kind !== LINE) {
    node.className = `att-log-row att-log-mark att-log-${["", "run", "gap", "note"][kind]}`;
    node.replaceChildren(make("span", {}, `${["", "▶ ", "⋯ ", "■ "][kind]}${text}`));
    return;
  }
  const error = store.isStderr(n), level = LEVELS[store.level(n)];
  node.className = `att-log-row att-log-${level}${error ? " att-log-err" : ""}${n === filter.current ? " att-log-current" : ""}`;
  const parts = [make("span", { class: "att-log-stream", title: error ? "stderr" : "stdout" }, error ? "err" : "")];
  if (stamps) parts.unshift(make("time", { title: new Date(store.time(n)).toISOString() }, clockTime(store.time(n))));
  node.replaceChildren(...parts, rowText(text, store.spans.get(n) || [], filter));
  if (store.isPartial(n)) node.append(make("span", { class: "att-log-cut", title: "the line goes on below" }, "↩"));
}

function rowText(whole, spans, filter) {
  // Cuts a text where colours and hits begin and end.
  const text = whole.length > LONGEST ? whole.slice(0, LONGEST) : whole;
  const holder = make("span", { class: "att-log-text" });
  const cuts = new Set([0, text.length]);
  for (const [start, end] of spans) cuts.add(Math.min(start, text.length)).add(Math.min(end, text.length));
  const found = filter.hitsIn(text);
  for (const [start, end] of found) cuts.add(start).add(end);
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
