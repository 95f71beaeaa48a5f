/** The lines that a log panel keeps: the newest, with marks where a run begins and where lines are missing. */

import type { LogPage, Stream } from '../api/types';
import { plain } from './ansi';

/** A line of output, the beginning of a run, or a gap. */
export interface Row {
  kind: 'line' | 'run' | 'gap';
  text: string;
  stream: Stream;
  at: string;
}

/** What of the kept rows is shown. */
export interface Filter {
  errorsOnly: boolean;
}

/** Rows by a number that never changes; the oldest are dropped. */
export class Ring {
  constructor(public capacity: number) {}

  /** Rows of output that were taken since the beginning, also those dropped since. */
  taken = 0;
  /** Rows dropped here at the beginning. */
  dropped = 0;

  /** Take in a page. */
  add(page: LogPage): void {
    if (page.truncated) {
      this._push('gap', lost(page.lost_bytes), page.lines[0]?.at ?? '');
    }
    for (const line of page.lines) {
      if (line.run_id !== this._run) {
        this._push('run', line.run_id, line.at);
        this._run = line.run_id;
      }
      this._rows.push({ kind: 'line', text: line.text, stream: line.stream, at: line.at });
      this.taken += 1;
    }
    this._trim();
  }

  /** Drop what is shown; what comes from now on is kept. */
  clear(): void {
    this.dropped += this._rows.length;
    this._rows = [];
  }

  /** Return the rows that pass a filter. */
  rows({ errorsOnly }: Filter): Row[] {
    return errorsOnly ? this._rows.filter(row => row.kind !== 'line' || row.stream === 'stderr') : this._rows;
  }

  /** Return the rows that pass a filter as text. */
  text(filter: Filter): string {
    return this.rows(filter).map(row => (row.kind === 'line' ? plain(row.text) : `--- ${label(row)}`) + '\n').join('');
  }

  private _push(kind: Row['kind'], text: string, at: string): void {
    this._rows.push({ kind, text, at, stream: 'stdout' });
  }

  private _trim(): void {
    const over = this._rows.length - this.capacity;
    if (over > 0) {
      this._rows.splice(0, over);
      this.dropped += over;
    }
  }

  private _rows: Row[] = [];
  private _run: string | null = null;
}

/** Return the words on a row that is no output. */
export function label(row: Row): string {
  return row.kind === 'run' ? `Run ${row.text.slice(-6)} began ${new Date(row.at).toLocaleString()}` : row.text;
}

/** Return the numbers of the rows that contain a text, whatever its case. */
export function hits(rows: Row[], wanted: string): number[] {
  const lower = wanted.toLowerCase();
  const found: number[] = [];
  if (lower) {
    rows.forEach((row, number) => {
      if (row.kind === 'line' && plain(row.text).toLowerCase().includes(lower)) {
        found.push(number);
      }
    });
  }
  return found;
}

function lost(bytes: number | null): string {
  return bytes === null ? 'Output is missing here' : `${bytes.toLocaleString('en')} bytes of output are missing here`;
}
