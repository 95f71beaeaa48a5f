/** Draws rows of a log: only those in sight are in the page. */

import { clock } from '../model/times';
import { pieces } from './ansi';
import { label, placeOf, Row } from './ring';

export const ROW_HEIGHT = 19;
const BEYOND = 12;
/** Characters of a line that are drawn: a browser takes seconds for a screen of lines of 64 KiB. */
const LONGEST = 4000;

/** How rows are drawn. */
export interface Look {
  times: boolean;
  wanted: string;
  /** The hit that was jumped to. */
  current: Row | null;
}

/** A row in the page, and how it was drawn. */
interface IDrawn {
  look: string;
  node: HTMLElement;
}

/** A scrolling element that holds any number of rows of one height. */
export class Rows {
  readonly node = document.createElement('div');

  constructor(private readonly _onScroll: (atEnd: boolean) => void) {
    this.node.className = 'jp-att-Log-rows';
    this.node.tabIndex = 0;
    this.node.setAttribute('role', 'log');
    this.node.setAttribute('aria-live', 'off');
    this.node.append(this._space);
    this._space.append(this._window);
    this._space.className = 'jp-att-Log-space';
    this._window.className = 'jp-att-Log-window';
    this.node.addEventListener('scroll', () => this._scrolled(), { passive: true });
  }

  /** Show these rows: with `follow` the last ones, else those in sight stay where they are. */
  show(rows: Row[], look: Look, follow: boolean): void {
    const moved = placeOf(rows, this._top.number) - this._top.place;
    const before = this.node.scrollTop; // a lower height would cut it short
    this._rows = rows;
    this._look = look;
    this._space.style.height = `${rows.length * ROW_HEIGHT}px`;
    if (follow) {
      this._scrollTo(rows.length * ROW_HEIGHT);
    } else if (moved) {
      this._scrollTo(before + moved * ROW_HEIGHT);
    }
    this._draw();
  }

  /** Bring a row into sight. */
  jump(row: Row): void {
    const { scrollTop, clientHeight } = this.node;
    const top = placeOf(this._rows, row.number) * ROW_HEIGHT;
    if (top < scrollTop || top > scrollTop + clientHeight - ROW_HEIGHT) {
      this._scrollTo(top - clientHeight / 2);
    }
    this._draw();
  }

  /** The number of the first row in sight. */
  get top(): number {
    return this._top.number;
  }

  /** What is selected among the rows. */
  get selected(): string {
    const selection = document.getSelection();
    return selection && this._window.contains(selection.anchorNode) ? selection.toString() : '';
  }

  private _scrollTo(top: number): void {
    this.node.scrollTop = top;
    this._expected = this.node.scrollTop;
  }

  private _scrolled(): void {
    const { scrollTop, clientHeight, scrollHeight } = this.node;
    if (scrollTop !== this._expected) {
      this._expected = scrollTop;
      this._onScroll(scrollTop + clientHeight >= scrollHeight - ROW_HEIGHT);
    }
    this._draw();
  }

  private _draw(): void {
    const top = Math.floor(this.node.scrollTop / ROW_HEIGHT);
    this._top = { place: top, number: this._rows[top]?.number ?? 0 };
    const first = Math.max(0, top - BEYOND);
    const last = Math.min(this._rows.length, top + Math.ceil(this.node.clientHeight / ROW_HEIGHT) + BEYOND);
    this._window.style.transform = `translateY(${first * ROW_HEIGHT}px)`;
    const staying = new Map<Row, IDrawn>();
    this._rows.slice(first, last).forEach(row => {
      const current = row === this._look.current;
      const look = `${this._look.times}|${current}|${this._look.wanted}`;
      const before = this._drawn.get(row);
      staying.set(row, before?.look === look ? before : { look, node: draw(row, this._look, current) });
    });
    this._place(staying);
  }

  /** Put these rows into the page; those that are there already keep their nodes, and with them what is selected. */
  private _place(rows: Map<Row, IDrawn>): void {
    for (const [row, { node }] of this._drawn) {
      if (rows.get(row)?.node !== node) {
        node.remove();
      }
    }
    let at = this._window.firstChild;
    for (const { node } of rows.values()) {
      if (node === at) {
        at = at.nextSibling;
      } else {
        this._window.insertBefore(node, at);
      }
    }
    this._drawn = rows;
  }

  private readonly _space = document.createElement('div');
  private readonly _window = document.createElement('div');
  private _drawn = new Map<Row, IDrawn>();
  private _rows: Row[] = [];
  /** The first row in sight, when last drawn. */
  private _top = { place: 0, number: 0 };
  private _look: Look = { times: false, wanted: '', current: null };
  private _expected = 0;
}

function draw(row: Row, look: Look, current: boolean): HTMLElement {
  const node = document.createElement('div');
  node.className = `jp-att-Log-row jp-att-mod-${row.kind}${current ? ' jp-att-mod-current' : ''}`;
  if (row.kind !== 'line') {
    node.append(span(label(row), 'jp-att-Log-label'));
    return node;
  }
  if (look.times) {
    node.append(span(clock(row.at), 'jp-att-Log-time'));
  }
  const error = row.stream === 'stderr';
  const mark = span(error ? 'err' : '', 'jp-att-Log-stream');
  mark.title = row.stream;
  node.classList.toggle('jp-att-mod-stderr', error);
  const text = span('', 'jp-att-Log-text');
  let room = LONGEST;
  let beyond = 0;
  for (const piece of pieces(row.text)) {
    const shown = piece.text.slice(0, room);
    text.append(...marked(shown, piece.classes.join(' '), look.wanted));
    room -= shown.length;
    beyond += piece.text.length - shown.length;
  }
  node.append(mark, text);
  if (beyond) {
    node.append(span(`… ${beyond.toLocaleString('en')} more characters: copy or download has them`, 'jp-att-Log-cut'));
  }
  return node;
}

/** Return a piece of text with the places that were searched for marked. */
function marked(text: string, classes: string, wanted: string): Node[] {
  if (!wanted) {
    return [classes ? span(text, classes) : document.createTextNode(text)];
  }
  const found: Node[] = [];
  const lower = text.toLowerCase();
  let from = 0;
  for (let at = lower.indexOf(wanted.toLowerCase()); at >= 0; at = lower.indexOf(wanted.toLowerCase(), from)) {
    found.push(span(text.slice(from, at), classes));
    const mark = document.createElement('mark');
    mark.className = classes;
    mark.textContent = text.slice(at, at + wanted.length);
    found.push(mark);
    from = at + wanted.length;
  }
  found.push(span(text.slice(from), classes));
  return found;
}

function span(text: string, classes: string): HTMLSpanElement {
  const node = document.createElement('span');
  node.className = classes;
  node.textContent = text;
  return node;
}
