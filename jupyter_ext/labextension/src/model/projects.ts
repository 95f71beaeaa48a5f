/** All projects of the server as they are now: read once when the stream opens, then kept by its events. */

import type { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { Api, ofProject, Problem, words } from '../api/client';
import { Stream, StreamState } from '../api/stream';
import type { Diagnostics, Event, EventPage, ProjectPage, ProjectStatus, SystemHealth } from '../api/types';
import { face } from './face';
import { Latest } from './latest';
import { TestRuns } from './testruns';
import { mismatch } from './version';

/** `absent`: the server does not serve ATT. */
export type Connection = 'connecting' | 'connected' | 'disconnected' | 'absent';

const KINDS = ['project', 'runtime', 'test.started', 'test.progress', 'test.ended', 'test.imported', 'supervisor'];
const IN_A_PAGE = 500;

/** One stream for the whole page; every view reads from here and hears of changes by the signals. */
export class Projects implements IDisposable {
  constructor(readonly api: Api) {
    this.tests = new TestRuns(api, () => this._changed.emit());
    this._stream = new Stream<EventPage>({
      connect: () => api.socket('ws', { kinds: KINDS, tail: 1 }),
      onPage: page => page.events.forEach(event => this._hear(event)),
      onState: state => void this._onStream(state),
      onProblem: message => this._lose(message)
    });
  }

  /** Something that is shown has changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** An event arrived; what it says of the project has been taken in. */
  get event(): ISignal<this, Event> {
    return this._event;
  }

  get isDisposed(): boolean {
    return this._stream.isDisposed;
  }

  /** The counts of the latest test runs. */
  readonly tests: TestRuns;
  connection: Connection = 'connecting';
  /** Why there is no connection, for a person. */
  why = '';
  health: SystemHealth | null = null;
  /** Whether the list has been read at least once. */
  known = false;

  /** The projects by id. */
  get all(): ProjectStatus[] {
    return [...this._projects.values()].sort((a, b) => a.project.id.localeCompare(b.project.id));
  }

  get(id: string): ProjectStatus | undefined {
    return this._projects.get(id);
  }

  /** Why a project in trouble is so; null until that is read. */
  diagnostics(id: string): Diagnostics | null {
    return this._diagnostics.get(id) ?? null;
  }

  /** What a person should know about the server: versions that differ, and the server's own notices. */
  get notices(): string[] {
    const { health } = this;
    if (health === null || this.connection === 'absent') {
      return [];
    }
    const differs = mismatch(health);
    const unwatched = health.supervised_by === null ? ['Nobody runs probes and restart policies now.'] : [];
    return [...(differs ? [differs] : []), ...unwatched, ...health.notices];
  }

  can(capability: string): boolean {
    return this.health?.capabilities.includes(capability) ?? false;
  }

  /** Take in a status that an action has answered. */
  take(status: ProjectStatus): void {
    this._projects.set(status.project.id, status);
    this._explain(status);
    this._changed.emit();
  }

  /** Read a project again; calls that come while it is being read are answered by one more reading. */
  readonly refresh = new Latest(async (id: string): Promise<void> => {
    try {
      this.take(await this.api.get<ProjectStatus>(ofProject(id)));
    } catch (error) {
      if (error instanceof Problem && error.code === 'not_found') {
        this._forget(id);
      }
    }
  });

  /** Tell the views to look again. */
  notify(): void {
    this._changed.emit();
  }

  /** Resolve when a project's diagnostics have been read again. */
  explained(id: string): Promise<void> {
    return this._readDiagnostics.ask(id);
  }

  /** Resolve when `reached` becomes true; it is looked at after each change. Rejects after so many milliseconds. */
  async until(reached: () => boolean, milliseconds: number): Promise<void> {
    if (reached()) {
      return;
    }
    let look: () => void = () => undefined;
    let timer = 0;
    try {
      await new Promise<void>((resolve, reject) => {
        look = () => (reached() ? resolve() : undefined);
        timer = window.setTimeout(() => reject(new Error('It took too long.')), milliseconds);
        this._changed.connect(look);
      });
    } finally {
      window.clearTimeout(timer);
      this._changed.disconnect(look);
    }
  }

  dispose(): void {
    this._stream.dispose();
    Signal.clearData(this);
  }

  private async _onStream(state: StreamState): Promise<void> {
    if (state === 'open') {
      await this._readAll();
    } else if (state === 'waiting') {
      await this._askWhy();
    }
  }

  private async _readAll(): Promise<void> {
    try {
      this.health = await this.api.get<SystemHealth>('health');
      const found: ProjectStatus[] = [];
      for (let cursor: string | null = null, more = true; more; ) {
        const page: ProjectPage = await this.api.get<ProjectPage>('projects', { cursor, limit: IN_A_PAGE });
        found.push(...page.projects);
        [cursor, more] = [page.cursor, page.has_more];
      }
      this._projects = new Map(found.map(status => [status.project.id, status]));
      this.known = true;
      this._enter('connected', '');
      found.forEach(status => this._explain(status));
      await this.tests.read([...this._projects.keys()]);
    } catch (error) {
      this._lose(words(error));
    }
  }

  /** A socket does not say why it could not open; an ordinary request does. */
  private async _askWhy(): Promise<void> {
    try {
      await this.api.get<SystemHealth>('health');
      this._lose('The connection broke.');
    } catch (error) {
      const absent = error instanceof Problem && error.code === 'absent';
      this._enter(absent ? 'absent' : 'disconnected', words(error));
    }
  }

  private _lose(why: string): void {
    this._enter('disconnected', why);
  }

  private _enter(connection: Connection, why: string): void {
    this.connection = connection;
    this.why = why;
    this._changed.emit();
  }

  private _hear(event: Event): void {
    const id = event.project;
    if (id !== null && this.known) {
      if (event.kind === 'project.deleted') {
        this._forget(id);
      } else if (event.kind.startsWith('test.')) {
        this.tests.hear(id, event);
      } else {
        this._patch(id, event);
        void this.refresh.ask(id);
      }
    }
    this._event.emit(event);
  }

  /** Show what the event says before the project has been read again. */
  private _patch(id: string, { kind, run_id, data }: Event): void {
    const status = this._projects.get(id);
    if (!status || (kind !== 'runtime.state' && kind !== 'runtime.health')) {
      return;
    }
    const told = kind === 'runtime.state' ? { state: data['to'], exit: null } : { health: data['to'] };
    const runtime = { ...status.runtime, ...told, run_id, reason: String(data['reason'] ?? '') };
    this._projects.set(id, { ...status, runtime: runtime as ProjectStatus['runtime'] });
    this._changed.emit();
  }

  private _forget(id: string): void {
    this._projects.delete(id);
    this._diagnostics.delete(id);
    this.tests.forget(id);
    this._changed.emit();
  }

  /** Read why a project is in trouble, once for each run that ended so. */
  private _explain(status: ProjectStatus): void {
    const { id } = status.project;
    if (face(status).trouble === null) {
      this._diagnostics.delete(id);
    } else {
      void this._readDiagnostics.ask(id);
    }
  }

  private readonly _readDiagnostics = new Latest(async (id: string): Promise<void> => {
    try {
      this._diagnostics.set(id, await this.api.get<Diagnostics>(ofProject(id, 'runtime/diagnostics')));
      this._changed.emit();
    } catch (error) {
      console.warn(`ATT could not read why ${id} is in trouble: ${words(error)}`);
    }
  });

  private readonly _stream: Stream<EventPage>;
  private _projects = new Map<string, ProjectStatus>();
  private readonly _diagnostics = new Map<string, Diagnostics>();
  private readonly _changed = new Signal<this, void>(this);
  private readonly _event = new Signal<this, Event>(this);
}
