/** What a log panel knows: the lines, what is searched for, and whether it follows. */

import type { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { Api, ofProject } from '../api/client';
import { Stream, StreamState } from '../api/stream';
import type { LogPage } from '../api/types';
import { hits, Ring, Row } from './ring';

const FIRST_LINES = 2_000;

/** Follows the log of one project from its last lines on; a broken stream goes on from its cursor. */
export class LogModel implements IDisposable {
  constructor(
    readonly project: string,
    api: Api,
    capacity: number
  ) {
    this.ring = new Ring(capacity);
    const tail = Math.min(FIRST_LINES, capacity);
    this._stream = new Stream<LogPage>({
      connect: () =>
        api.socket(ofProject(project, 'ws'), {
          events: false,
          logs: true,
          log_cursor: this._cursor,
          log_tail: this._cursor === null ? tail : null
        }),
      onPage: page => this._take(page),
      onState: state => this._set({ connection: state }),
      onProblem: problem => this._set({ problem })
    });
  }

  readonly ring: Ring;
  connection: StreamState = 'connecting';
  problem = '';
  following = true;
  errorsOnly = false;
  times = false;
  wanted = '';
  /** Rows in which the text was found, by their number among those shown. */
  found: number[] = [];
  /** Which of `found` was jumped to. */
  at: number | null = null;
  /** Lines that came while it did not follow. */
  unseen = 0;

  /** Emitted at most once for each frame. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._stream.isDisposed;
  }

  get rows(): Row[] {
    return this.ring.rows(this);
  }

  follow(following: boolean): void {
    this._set({ following, unseen: following ? 0 : this.unseen });
  }

  filter(change: { errorsOnly?: boolean; times?: boolean }): void {
    this._set({ ...change });
    this._search();
  }

  search(wanted: string): void {
    this._set({ wanted, at: null });
    this._search();
  }

  /** Go to the next or previous place that was found. Returns its row. */
  step(by: 1 | -1): number | null {
    const { found } = this;
    if (found.length === 0) {
      return null;
    }
    const from = this.at ?? (by > 0 ? -1 : 0);
    const at = (from + by + found.length) % found.length;
    this._set({ at, following: false });
    return found[at] ?? null;
  }

  clear(): void {
    this.ring.clear();
    this._set({ unseen: 0, at: null });
    this._search();
  }

  dispose(): void {
    this._stream.dispose();
    Signal.clearData(this);
  }

  private _take(page: LogPage): void {
    this._cursor = page.cursor;
    this.ring.add(page);
    this._set({ problem: '', unseen: this.following ? 0 : this.unseen + page.lines.length });
    if (this.wanted) {
      this._search();
    }
  }

  private _search(): void {
    this._set({ found: hits(this.rows, this.wanted) });
  }

  private _set(change: Partial<LogModel>): void {
    Object.assign(this, change);
    this._frame ||= window.setTimeout(() => {
      this._frame = 0;
      this._changed.emit();
    }, 30);
  }

  private readonly _stream: Stream<LogPage>;
  private _cursor: string | null = null;
  private _frame = 0;
  private readonly _changed = new Signal<this, void>(this);
}
