/** The lines that a log panel keeps: the newest, with marks where a run begins and where lines are missing. */

import type { LogPage, Stream } from '../api/types';
import { local } from '../model/times';
import { plain } from './ansi';

/** A line of output, the beginning of a run, or a gap. */
export interface Row {
  /** Which one it is of all that were taken; it never changes. */
  number: number;
  kind: 'line' | 'run' | 'gap';
  text: string;
  stream: Stream;
  at: string;
}

/** What of the kept rows is shown. */
export interface Filter {
  errorsOnly: boolean;
}

const MOST_CHARACTERS = 32 * 2 ** 20; // of all rows; long lines fill a page before there are many

/** The newest rows, so many lines and 32 Mi characters at most; older ones are dropped. */
export class Ring {
  constructor(public capacity: number) {}

  /** Rows of output that were taken since the beginning, also those dropped since. */
  taken = 0;
  /** Rows dropped here at the beginning. */
  dropped = 0;

  /** Take in a page. */
  add(page: LogPage): void {
    if (page.truncated) {
      this._push('gap', lost(page.lost_bytes), 'stdout', page.lines[0]?.at ?? '');
    }
    for (const line of page.lines) {
      if (line.run_id !== this._run) {
        this._push('run', line.run_id, 'stdout', line.at);
        this._run = line.run_id;
      }
      this._push('line', line.text, line.stream, line.at);
      this.taken += 1;
    }
    this._trim();
  }

  /** Mark that what comes now does not follow on what was taken. */
  gap(): void {
    this._push('gap', lost(null), 'stdout', '');
    this._trim();
  }

  /** Drop what is shown; what comes from now on is kept. */
  clear(): void {
    this.dropped += this._rows.length;
    this._rows = [];
    this._characters = 0;
  }

  /** Return the rows that pass a filter. */
  rows({ errorsOnly }: Filter): Row[] {
    return errorsOnly ? this._rows.filter(row => row.kind !== 'line' || row.stream === 'stderr') : this._rows;
  }

  /** Return the rows that pass a filter as text. */
  text(filter: Filter): string {
    return this.rows(filter).map(row => (row.kind === 'line' ? plain(row.text) : `--- ${label(row)}`) + '\n').join('');
  }

  private _push(kind: Row['kind'], text: string, stream: Stream, at: string): void {
    this._rows.push({ number: this._next++, kind, text, stream, at });
    this._characters += text.length;
  }

  private _trim(): void {
    const { length } = this._rows;
    let over = 0;
    while (length - over > this.capacity || (this._characters > MOST_CHARACTERS && over < length - 1)) {
      this._characters -= this._rows[over++]!.text.length;
    }
    if (over > 0) {
      this._rows = this._rows.slice(over); // what is drawn now stays as it is until all is drawn anew
      this.dropped += over;
    }
  }

  private _rows: Row[] = [];
  private _characters = 0;
  private _next = 0;
  private _run: string | null = null;
}

/** Return the words on a row that is no output. */
export function label(row: Row): string {
  return row.kind === 'run' ? `run ${row.text.slice(-8)} started ${local(row.at)}` : row.text;
}

/** Return the place of the first row that has this number or a higher one; past the last when none has. */
export function placeOf(rows: Row[], number: number): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]!.number < number) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/** Return the rows that contain a text, whatever its case. */
export function hits(rows: Row[], wanted: string): Row[] {
  const lower = wanted.toLowerCase();
  return lower ? rows.filter(row => row.kind === 'line' && plain(row.text).toLowerCase().includes(lower)) : [];
}

function lost(bytes: number | null): string {
  return bytes === null ? 'Output is missing here' : `${bytes.toLocaleString('en')} bytes of output are missing here`;
}
