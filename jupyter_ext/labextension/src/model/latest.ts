/** Work that is asked for more often than it can be done. */

/** Runs one piece of work for each key at a time; what is asked for meanwhile is done once more afterwards. */
export class Latest {
  constructor(private readonly _work: (key: string) => Promise<void>) {}

  /** Resolve when work that began after this call is done. */
  ask(key: string): Promise<void> {
    const running = this._running.get(key);
    if (!running) {
      return this._begin(key);
    }
    let next = this._next.get(key);
    if (!next) {
      next = running.then(() => {
        this._next.delete(key);
        return this._begin(key);
      });
      this._next.set(key, next);
    }
    return next;
  }

  private _begin(key: string): Promise<void> {
    const running = this._work(key).finally(() => this._running.delete(key));
    this._running.set(key, running);
    return running;
  }

  private readonly _running = new Map<string, Promise<void>>();
  private readonly _next = new Map<string, Promise<void>>();
}
