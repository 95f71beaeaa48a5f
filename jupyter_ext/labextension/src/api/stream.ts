/** A WebSocket of ATT that comes back after it broke. */

import type { IDisposable } from '@lumino/disposable';

/** Where a stream is: `waiting` means that it broke and will be tried again. */
export type StreamState = 'connecting' | 'open' | 'waiting' | 'closed';

/** What a stream tells its owner. */
export interface IListener<T> {
  /** Return a new socket; asked again for each attempt, so that it can go on from the last cursor. */
  connect: () => WebSocket;
  onPage: (page: T) => void;
  onState: (state: StreamState) => void;
  /** The server ended the stream for a reason, for example because the project is gone. */
  onProblem: (message: string, code: string) => void;
}

const FIRST_DELAY = 300;
const LONGEST_DELAY = 10_000;
const LASTING = 3_000;

/** Keeps a socket open: tries again after 0.3, 0.6, 1.2 … 10 s, and at once when the network or the tab is back. */
export class Stream<T> implements IDisposable {
  constructor(private readonly _listener: IListener<T>) {
    window.addEventListener('online', this.again);
    document.addEventListener('visibilitychange', this.again);
    this._connect();
  }

  get isDisposed(): boolean {
    return this._state === 'closed';
  }

  /** Break the socket and open another one after a while, since what was read beside it has failed. */
  retry(): void {
    this._openedAt = Date.now(); // counts as a failure, so that the delay grows
    this._socket?.close();
  }

  /** Try again at once while it waits and somebody looks at the page. */
  readonly again = (): void => {
    if (this._state === 'waiting' && document.visibilityState === 'visible') {
      window.clearTimeout(this._timer);
      this._connect();
    }
  };

  dispose(): void {
    if (this._state === 'closed') {
      return;
    }
    this._enter('closed');
    window.clearTimeout(this._timer);
    window.removeEventListener('online', this.again);
    document.removeEventListener('visibilitychange', this.again);
    this._socket?.close();
  }

  private _connect(): void {
    this._enter('connecting');
    const socket = this._listener.connect();
    this._socket = socket;
    socket.onopen = () => {
      this._openedAt = Date.now();
      this._enter('open');
    };
    socket.onmessage = message => this._hear(String(message.data));
    socket.onclose = () => this._broken(socket);
  }

  private _hear(data: string): void {
    if (this.isDisposed) {
      return;
    }
    const message = JSON.parse(data);
    if (message.type === 'page') {
      this._listener.onPage(message.page as T);
    } else if (message.type === 'problem') {
      const { code, detail, title } = message.problem ?? {};
      this._listener.onProblem(String(detail ?? title ?? 'The stream ended.'), String(code ?? ''));
    }
  }

  private _broken(socket: WebSocket): void {
    if (this.isDisposed || socket !== this._socket) {
      return;
    }
    if (this._state === 'open' && Date.now() - this._openedAt > LASTING) {
      this._failures = 0; // one that the server closes at once again counts as a failure
    }
    const delay = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this._failures);
    this._failures += 1;
    this._enter('waiting');
    this._timer = window.setTimeout(() => this._connect(), delay * (0.8 + 0.4 * Math.random()));
  }

  private _enter(state: StreamState): void {
    if (state !== this._state) {
      this._state = state;
      this._listener.onState(state);
    }
  }

  private _socket: WebSocket | null = null;
  private _state: StreamState | null = null;
  private _failures = 0;
  private _openedAt = 0;
  private _timer = 0;
}
