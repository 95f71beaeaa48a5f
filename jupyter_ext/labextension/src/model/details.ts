/** What is read of a project only when somebody looks at it: why it is in trouble, and its latest test run. */

import { Api, ofProject, words } from '../api/client';
import type { Diagnostics, Event, ProjectStatus } from '../api/types';
import { face } from './face';
import { Latest } from './latest';
import { TestRuns } from './testruns';

/** Each is read once when its project comes into view, again after a change, and never for what nobody sees. */
export class Details {
  constructor(
    private readonly _api: Api,
    private readonly _status: (id: string) => ProjectStatus | undefined,
    private readonly _changed: () => void
  ) {
    this.tests = new TestRuns(_api, _changed);
  }

  /** The counts of the latest test runs. */
  readonly tests: TestRuns;

  /** Why a project in trouble is so; null until that is read. */
  diagnostics(id: string): Diagnostics | null {
    return this._diagnostics.get(id) ?? null;
  }

  /** A project comes into view; the answer tells that it has left it. */
  watch(id: string): () => void {
    this._watched.add(id);
    this._read(id);
    return () => this._watched.delete(id);
  }

  /** Take in that a project's status was read. */
  look(id: string): void {
    this._explained.delete(id);
    const status = this._status(id);
    if (!status || face(status).trouble === null) {
      this._diagnostics.delete(id);
    }
    this._read(id);
  }

  /** Take in that events may have been missed. */
  expire(): void {
    this._explained.clear();
    this._tested.clear();
    this._watched.forEach(id => this._read(id));
  }

  /** Take in an event on tests; of loaded reports one may be the latest now. */
  hear(id: string, event: Event): void {
    if (event.kind === 'test.imported') {
      this._tested.delete(id);
      this._read(id);
    } else {
      this.tests.hear(id, event);
    }
  }

  forget(id: string): void {
    this._diagnostics.delete(id);
    this._explained.delete(id);
    this._tested.delete(id);
    this.tests.forget(id);
  }

  /** Resolve when a project's diagnostics have been read again, whether or not it is in view. */
  explain(id: string): Promise<void> {
    this._explained.add(id);
    return this._explain.ask(id);
  }

  private _read(id: string): void {
    const status = this._watched.has(id) ? this._status(id) : undefined;
    if (!status) {
      return;
    }
    if (face(status).trouble !== null && !this._explained.has(id)) {
      void this.explain(id);
    }
    if (!this._tested.has(id)) {
      this._tested.add(id);
      void this.tests.read(id);
    }
  }

  private readonly _explain = new Latest(async (id: string): Promise<void> => {
    try {
      this._diagnostics.set(id, await this._api.get<Diagnostics>(ofProject(id, 'runtime/diagnostics')));
      this._changed();
    } catch (error) {
      this._explained.delete(id);
      console.warn(`ATT could not read why ${id} is in trouble: ${words(error)}`);
    }
  });

  private readonly _diagnostics = new Map<string, Diagnostics>();
  private readonly _watched = new Set<string>();
  private readonly _explained = new Set<string>();
  private readonly _tested = new Set<string>();
}
