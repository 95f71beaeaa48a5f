/** Escape sequences of terminals in lines of output. */

/** A piece of a line with the classes of its colours. */
export interface IPiece {
  text: string;
  classes: string[];
}

// CSI and OSC sequences, and the other two-character ones.
// eslint-disable-next-line no-control-regex
const SEQUENCE = /\x1b(?:\[([0-?]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])/g;
// eslint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f]/g;

/** Return a line without escape sequences; of what `\r` overwrote the last is left. */
export function plain(line: string): string {
  return overwritten(line).replace(SEQUENCE, '').replace(CONTROL, '');
}

/** Return a line in pieces of equal colour. */
export function pieces(line: string): IPiece[] {
  const shown = overwritten(line);
  if (!shown.includes('\x1b')) {
    return [{ text: shown.replace(CONTROL, ''), classes: [] }];
  }
  const found: IPiece[] = [];
  let style: Style = {};
  let from = 0;
  const add = (text: string) => {
    const clean = text.replace(CONTROL, '');
    if (clean) {
      found.push({ text: clean, classes: classes(style) });
    }
  };
  for (const match of shown.matchAll(SEQUENCE)) {
    add(shown.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[2] === 'm') {
      style = changed(style, match[1] ?? '');
    }
  }
  add(shown.slice(from));
  return found;
}

interface Style {
  fg?: number;
  bg?: number;
  bold?: boolean;
  dim?: boolean;
  italic?: boolean;
  underline?: boolean;
}

function overwritten(line: string): string {
  const end = line.endsWith('\r') ? line.length - 1 : line.length;
  const start = line.lastIndexOf('\r', end - 1);
  return start < 0 ? line.slice(0, end) : line.slice(start + 1, end);
}

function changed(before: Style, parameters: string): Style {
  const codes = parameters.split(/[;:]/).map(Number);
  let style = { ...before };
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] ?? 0;
    if (code === 0) {
      style = {};
    } else if (code === 38 || code === 48) {
      // Of the 256 colours the first 16 are shown; the rest, and true colours, would not suit every theme.
      const indexed = codes[i + 1] === 5;
      const index = codes[i + 2] ?? 16;
      style[code === 38 ? 'fg' : 'bg'] = indexed && index < 16 ? index : undefined;
      i += indexed ? 2 : 4;
    } else {
      Object.assign(style, ONE[code] ?? colour(code));
    }
  }
  return style;
}

const ONE: { [code: number]: Style } = {
  1: { bold: true },
  2: { dim: true },
  3: { italic: true },
  4: { underline: true },
  22: { bold: false, dim: false },
  23: { italic: false },
  24: { underline: false },
  39: { fg: undefined },
  49: { bg: undefined }
};

function colour(code: number): Style {
  if (code >= 30 && code <= 37) {
    return { fg: code - 30 };
  }
  if (code >= 90 && code <= 97) {
    return { fg: code - 82 };
  }
  if (code >= 40 && code <= 47) {
    return { bg: code - 40 };
  }
  return code >= 100 && code <= 107 ? { bg: code - 92 } : {};
}

function classes({ fg, bg, bold, dim, italic, underline }: Style): string[] {
  const found = Object.entries({ bold, dim, italic, underline })
    .filter(([, on]) => on)
    .map(([name]) => `jp-att-ansi-${name}`);
  if (fg !== undefined) {
    found.push(`jp-att-ansi-fg${fg}`);
  }
  if (bg !== undefined) {
    found.push(`jp-att-ansi-bg${bg}`);
  }
  return found;
}
