/** The latest test run of each project, for the sidebar: read when it is looked at, then kept by events. */

import { Api, ofProject, words } from '../api/client';
import type { Event, TestRun, TestRunPage } from '../api/types';

/** Counts only; the test panel reads failures itself. */
export class TestRuns {
  constructor(
    private readonly _api: Api,
    private readonly _changed: () => void
  ) {}

  get(id: string): TestRun | null {
    return this._runs.get(id) ?? null;
  }

  forget(id: string): void {
    this._runs.delete(id);
  }

  /** Read the latest run of a project. */
  async read(id: string): Promise<void> {
    try {
      const before = this._runs.get(id);
      const { runs } = await this._api.get<TestRunPage>(ofProject(id, 'test/runs'), { limit: 1 });
      if (this._runs.get(id) !== before) {
        return await this.read(id); // an event was faster than this answer
      }
      if (runs[0]) {
        this._set(id, runs[0]);
      }
    } catch (error) {
      console.warn(`ATT could not read the test runs of ${id}: ${words(error)}`);
    }
  }

  /** Take in what an event tells of a run. */
  hear(id: string, { kind, run_id, data }: Event): void {
    const before = this._runs.get(id);
    const same = before?.run_id === run_id ? before : {};
    const state = kind === 'test.ended' ? {} : { state: 'running' };
    this._set(id, { ...same, run_id, ...state, ...data } as TestRun);
  }

  private _set(id: string, run: TestRun): void {
    this._runs.set(id, run);
    this._changed();
  }

  private readonly _runs = new Map<string, TestRun>();
}
