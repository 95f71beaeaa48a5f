// Terminal colours: text without its escape sequences, and the spans that have a style.

const ESCAPE = /\x1b(?:\[([0-9;:?>=]*)[ -\/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\|$)|[PX^_][^\x1b]*(?:\x1b\\|$)|[ -\/]*[0-Z\\-~])|[\x00-\x08\x0b-\x1f\x7f]/g;
const CUBE = [0, 95, 135, 175, 215, 255];
const FLAGS = { 1: "bold", 2: "dim", 3: "italic", 4: "under", 7: "inverse", 9: "strike" };
const UNFLAGS = { 22: ["bold", "dim"], 23: ["italic"], 24: ["under"], 27: ["inverse"], 29: ["strike"] };

function colour256(n) {
  if (n < 16) return n;
  if (n >= 232) return `rgb(${8 + (n - 232) * 10} ${8 + (n - 232) * 10} ${8 + (n - 232) * 10})`;
  n -= 16;
  return `rgb(${CUBE[Math.floor(n / 36)]} ${CUBE[Math.floor(n / 6) % 6]} ${CUBE[n % 6]})`;
}

function extendedColour(codes, at) {
  // Returns the colour after 38 or 48 and how many codes it took.
  if (codes[at] === 5) return [colour256(Math.min(255, codes[at + 1] || 0)), 2];
  if (codes[at] === 2) return [`rgb(${codes.slice(at + 1, at + 4).map((c) => Math.min(255, c || 0)).join(" ")})`, 4];
  return [undefined, 1];
}

function restyled(style, parameters) {
  // Applies one SGR sequence and returns the new style, null for the plain one.
  let now = { ...style };
  // Colons separate the parts of one colour, sometimes with an empty colour space.
  const codes = parameters.replace(/(2):(?:\d*):(\d+:\d+:\d+)/g, "$1:$2").split(/[;:]/).map(Number);
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at];
    if (code === 0) now = {};
    else if (FLAGS[code]) now[FLAGS[code]] = true;
    else if (UNFLAGS[code]) for (const name of UNFLAGS[code]) delete now[name];
    else if (code >= 30 && code <= 37) now.fore = code - 30;
    else if (code >= 90 && code <= 97) now.fore = code - 82;
    else if (code >= 40 && code <= 47) now.back = code - 40;
    else if (code >= 100 && code <= 107) now.back = code - 92;
    else if (code === 39) delete now.fore;
    else if (code === 49) delete now.back;
    else if (code === 38 || code === 48) {
      const [found, taken] = extendedColour(codes, at + 1);
      if (found !== undefined) now[code === 38 ? "fore" : "back"] = found;
      at += taken;
    }
  }
  return Object.keys(now).length ? now : null;
}

function dressed(style) {
  // Returns the classes and the inline style of a span.
  const classes = ["bold", "dim", "italic", "under", "inverse", "strike"].filter((n) => style[n]).map((n) => `a-${n}`);
  let inline = "";
  for (const [name, property] of [["fore", "--fore"], ["back", "--back"]]) {
    const value = style[name];
    if (value === undefined) continue;
    classes.push(`a-${name}`);
    inline += `${property}:${typeof value === "number" ? `var(--att-ansi-${value})` : value};`;
  }
  return [classes.join(" "), inline];
}

function plainAndSpans(raw, carried) {
  // Returns [text, spans, style]: spans are [start, end, classes, inline], style goes on in the stream's next line.
  let text = "", spans = [], style = carried, at = 0;
  const take = (piece) => {
    if (!piece) return;
    if (style) spans.push([text.length, text.length + piece.length, ...dressed(style)]);
    text += piece;
  };
  for (const match of raw.matchAll(ESCAPE)) {
    take(raw.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] === "m") style = restyled(style, match[1]);
    else if (match[0] === "\r" && at < raw.length) [text, spans] = ["", []];
  }
  take(raw.slice(at));
  return [text, spans.length ? spans : null, style];
}
