/** What a test panel knows: the run that is shown, the earlier ones, and what will be asked for next. */

import type { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { ofProject, Problem, words } from '../api/client';
import type { Event, TestOutcomePage, TestRun, TestRunPage } from '../api/types';
import { Latest } from '../model/latest';
import type { Projects } from '../model/projects';

const KEPT = 20;
const IN_A_PAGE = 2_000;
const READ_AFTER = /^(test\.|project\.(created|deleted)$)/;

/** Follows the test runs of one project by the events of the page's stream. */
export class TestModel implements IDisposable {
  constructor(
    readonly project: string,
    readonly projects: Projects
  ) {
    projects.event.connect(this._hear, this);
    projects.changed.connect(this._look, this);
    this._look();
  }

  /** The run that is shown; null without one. */
  run: TestRun | null = null;
  /** When it was read, in milliseconds. */
  readAt = 0;
  /** Earlier runs, newest first, without their failures. */
  runs: TestRun[] = [];
  known = false;
  busy = false;
  problem = '';

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Whether there is no such project (any more). */
  get gone(): boolean {
    return this.projects.lacks(this.project);
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  /** Begin to run tests; the newest run is shown from then on. */
  async start(request: { suite?: string; markers?: string }): Promise<void> {
    await this._do(() => this.projects.api.post<TestRun>(this._path('test/run'), request));
  }

  /** Run again all that failed in the run that is shown; its own list of failures may be cut short. */
  async rerun(): Promise<void> {
    const { run } = this;
    if (run) {
      await this._do(async () => {
        const targets = await this._failed(run);
        return await this.projects.api.post<TestRun>(this._path('test/run'), { targets });
      });
    }
  }

  async cancel(): Promise<void> {
    const { run } = this;
    if (run) {
      await this._do(() => this.projects.api.post<TestRun>(this._path(`test/runs/${run.run_id}/cancel`)));
    }
  }

  /** Show a run; what is written of it later is shown as well. */
  async show(run: string): Promise<void> {
    this._wanted = run;
    await this._read.ask('');
  }

  dispose(): void {
    this._disposed = true;
    Signal.clearData(this);
  }

  private async _do(ask: () => Promise<TestRun>): Promise<void> {
    this._set({ busy: true, problem: '' });
    try {
      const run = await ask();
      this._wanted = run.run_id;
      this._set({ run, readAt: Date.now() });
      await this._read.ask('');
    } catch (error) {
      this._set({ problem: words(error) });
    } finally {
      this._set({ busy: false });
    }
  }

  /** Return the names of the tests that failed, and of the files that could not be collected. */
  private async _failed({ run_id, failures }: TestRun): Promise<string[]> {
    const found = new Set<string>();
    for (let cursor: string | null = null, more = true; more; ) {
      const query = { run: run_id, outcomes: ['failed', 'error'], cursor, limit: IN_A_PAGE };
      const page: TestOutcomePage = await this.projects.api.get<TestOutcomePage>(this._path('test/results'), query);
      page.outcomes.forEach(({ nodeid }) => found.add(nodeid));
      [cursor, more] = [page.cursor, page.has_more];
    }
    failures.filter(({ phase }) => phase === 'collect').forEach(({ nodeid }) => found.add(nodeid));
    return [...found];
  }

  /** Read again when the connection is there again: events may have been missed. */
  private _look(): void {
    const { connection } = this.projects;
    if (connection === 'connected' && this._connection !== connection) {
      void this._read.ask('');
    }
    this._connection = connection;
  }

  private _hear(_: Projects, event: Event): void {
    if (event.project !== this.project || !READ_AFTER.test(event.kind)) {
      return;
    }
    if (event.kind === 'project.deleted') {
      this._wanted = null;
      this._set({ run: null, runs: [], known: false, problem: '' });
      return;
    }
    if (event.kind === 'test.started') {
      this._wanted = event.run_id;
    }
    if (event.kind === 'test.progress' && event.run_id === this.run?.run_id) {
      this._set({ run: { ...this.run, ...event.data } });
    }
    void this._read.ask('');
  }

  private readonly _read = new Latest(async (): Promise<void> => {
    const { api } = this.projects;
    const wanted = this._wanted;
    try {
      const { runs } = await api.get<TestRunPage>(this._path('test/runs'), { limit: KEPT });
      this._set({ runs });
      const shown = wanted ?? runs[0]?.run_id;
      const run = shown ? await api.get<TestRun>(this._path(`test/runs/${shown}`)) : null;
      this._set({ run, readAt: Date.now(), known: true, problem: '' });
    } catch (error) {
      if (wanted !== null && error instanceof Problem && error.code === 'not_found') {
        this._forget(wanted);
      } else {
        this._set({ problem: words(error) });
      }
    }
  });

  /** Show the newest run instead of one that is not kept any more, or that a server with other data never had. */
  private _forget(wanted: string): void {
    if (this._wanted === wanted) {
      this._wanted = null;
    }
    void this._read.ask('');
  }

  private _path(rest: string): string {
    return ofProject(this.project, rest);
  }

  private _set(change: Partial<TestModel>): void {
    Object.assign(this, change);
    this._changed.emit();
  }

  private _wanted: string | null = null;
  private _connection = '';
  private _disposed = false;
  private readonly _changed = new Signal<this, void>(this);
}
