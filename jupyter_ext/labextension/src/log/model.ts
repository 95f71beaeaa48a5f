/** What a log panel knows: the lines, what is searched for, and whether it follows. */

import type { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { Api, ofProject, Problem } from '../api/client';
import { Stream, StreamState } from '../api/stream';
import type { LogPage } from '../api/types';
import { hits, placeOf, Ring, Row } from './ring';

const FIRST_LINES = 2_000;
const REFUSED = ['not_found', 'invalid'];

/** Follows the log of one project from its last lines on; a broken stream goes on from its cursor. */
export class LogModel implements IDisposable {
  constructor(
    readonly project: string,
    private readonly _api: Api,
    capacity: number
  ) {
    this.ring = new Ring(capacity);
    const tail = Math.min(FIRST_LINES, capacity);
    this._stream = new Stream<LogPage>({
      connect: () =>
        _api.socket(ofProject(project, 'ws'), {
          events: false,
          logs: true,
          log_cursor: this._cursor,
          log_tail: this._cursor === null ? tail : null
        }),
      onPage: page => this._take(page),
      onState: state => this._onStream(state),
      onProblem: problem => this._set({ problem })
    });
  }

  readonly ring: Ring;
  /** Whether it is known what the log has by now, be it nothing. */
  known = false;
  /** The stream broke and is not back yet. */
  broken = false;
  problem = '';
  following = true;
  errorsOnly = false;
  times = false;
  wanted = '';
  /** Rows in which the text was found, of those shown. */
  found: Row[] = [];
  /** The one of `found` that was jumped to. */
  current: Row | null = null;
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

  /** Search for a text, and go to where it was found nearest; `top` is the number of the first row in sight. */
  search(wanted: string, top: number): Row | null {
    this._set({ wanted, current: null });
    this._search();
    return this.step(0, top);
  }

  /** Which of `found` was jumped to; null when none was, or when it is kept no more. */
  get at(): number | null {
    const at = this.current ? placeOf(this.found, this.current.number) : -1;
    return this.found[at] === this.current && this.current ? at : null;
  }

  /** Go to the next or previous row that was found: at first the last while it follows, else the next one from `top`. */
  step(by: -1 | 0 | 1, top: number): Row | null {
    const { found, at, following } = this;
    if (found.length === 0) {
      return null;
    }
    const nearest = following ? found.length - 1 : Math.min(placeOf(found, top), found.length - 1);
    const current = found[at === null ? nearest : (at + by + found.length) % found.length] ?? null;
    this._set({ current, following: false });
    return current;
  }

  clear(): void {
    this.ring.clear();
    this._set({ unseen: 0, current: null });
    this._search();
  }

  dispose(): void {
    this._stream.dispose();
    Signal.clearData(this);
  }

  private _take(page: LogPage): void {
    this._cursor = page.cursor;
    this.ring.add(page);
    this._set({ problem: '', known: true, unseen: this.following ? 0 : this.unseen + page.lines.length });
    if (this.wanted) {
      this._search();
    }
  }

  private _onStream(state: StreamState): void {
    this._set({ broken: state === 'waiting' || (this.broken && state === 'connecting') });
    if (state === 'open') {
      this._set({ problem: '' });
    }
    if (state === 'open' && !this.known) {
      void this._askWhetherEmpty();
    }
    if (state === 'waiting' && this._state === 'connecting' && this._cursor !== null) {
      void this._askWhetherRefused(this._cursor);
    }
    this._state = state;
  }

  /** A socket does not say why it could not open; an ordinary request does. A new log is begun with its last lines. */
  private async _askWhetherRefused(cursor: string): Promise<void> {
    const query = { cursor, limit: 1 };
    const refused = await this._api.get<LogPage>(ofProject(this.project, 'runtime/logs'), query).then(() => false, isRefused);
    if (refused && this._cursor === cursor) {
      this._cursor = null;
      this.ring.gap();
      this._set({});
      this._stream.again();
    }
  }

  /** A stream sends no page of a log without lines; an ordinary request tells that there are none. */
  private async _askWhetherEmpty(): Promise<void> {
    const page = await this._api.get<LogPage>(ofProject(this.project, 'runtime/logs'), { tail: 1 }).catch(() => null);
    if (page?.lines.length === 0) {
      this._set({ known: true });
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
  private _state: StreamState | null = null;
  private _cursor: string | null = null;
  private _frame = 0;
  private readonly _changed = new Signal<this, void>(this);
}

/** Whether the project is there, but not what a cursor names: it was made again, or the server has other data. */
function isRefused(error: unknown): boolean {
  return error instanceof Problem && REFUSED.includes(error.code) && error.details['kind'] !== 'project';
}
