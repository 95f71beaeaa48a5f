/** All projects of the server as they are now: read once when the stream opens, then kept by its events. */

import type { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { Api, ofProject, Problem, words } from '../api/client';
import { Stream, StreamState } from '../api/stream';
import type { Event, EventPage, ProjectPage, ProjectStatus, SystemHealth } from '../api/types';
import { Details } from './details';
import { Latest } from './latest';
import { mismatch } from './version';

/** `absent`: the server does not serve ATT. */
export type Connection = 'connecting' | 'connected' | 'disconnected' | 'absent';

const KINDS = ['project', 'runtime', 'test.started', 'test.progress', 'test.ended', 'test.imported', 'supervisor'];
const IN_A_PAGE = 500;

/** One stream for the whole page; every view reads from here and hears of changes by the signals. */
export class Projects implements IDisposable {
  constructor(readonly api: Api) {
    this.details = new Details(api, id => this.get(id), () => this._changed.emit());
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

  /** What is read only for projects that are in view. */
  readonly details: Details;
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

  /** Whether there is no such project (any more). */
  lacks(id: string): boolean {
    return this.known && !this._projects.has(id);
  }

  /** What a person should know: versions that differ, the server's own notices, what could not be read again. */
  get notices(): string[] {
    const { health, connection } = this;
    if (health === null || connection === 'absent') {
      return [];
    }
    const differs = mismatch(health);
    const unwatched = health.supervised_by === null ? ['Nobody runs probes and restart policies now.'] : [];
    const unread = connection === 'connected' ? [...this._unread].map(([id, why]) => `${id} may be shown as it was: ${why}`) : [];
    return [...(differs ? [differs] : []), ...unwatched, ...health.notices, ...unread];
  }

  can(capability: string): boolean {
    return this.health?.capabilities.includes(capability) ?? false;
  }

  /** Read a project again; calls that come while it is being read are answered by one more reading. */
  readonly refresh = new Latest(async (id: string): Promise<void> => {
    try {
      this._take(await this._read(id));
    } catch (error) {
      if (error instanceof Problem && error.code === 'not_found') {
        this._forget(id);
      } else {
        this._unread.set(id, words(error));
        console.warn(`ATT could not read ${id} again: ${words(error)}`);
        this._changed.emit();
      }
    }
  });

  /** Tell the views to look again. */
  notify(): void {
    this._changed.emit();
  }

  dispose(): void {
    this._stream.dispose();
    Signal.clearData(this);
  }

  private async _onStream(state: StreamState): Promise<void> {
    this._open = state === 'open';
    if (this._open) {
      await this._readAll();
    } else if (state === 'waiting') {
      await this._askWhy();
    }
  }

  /** Read everything; what changed while it was read is newer than the answer, and is asked for once more. */
  private async _readAll(): Promise<void> {
    const touched = (this._touched = new Set<string>());
    const outdated = () => this._touched !== touched;
    try {
      const health = await this.api.get<SystemHealth>('health');
      const found = await this._list(outdated);
      if (outdated()) {
        return; // the stream was opened again, and all is being read again
      }
      this.health = health;
      this._replace(found, touched);
      this._enter('connected', '');
      touched.forEach(id => void this.refresh.ask(id));
    } catch (error) {
      if (!outdated()) {
        this._failure = words(error);
        this._lose(this._failure);
        this._stream.retry();
      }
    } finally {
      this._touched = outdated() ? this._touched : null;
    }
  }

  /** Read a project; an answer that may be older than its deletion is asked for once more. */
  private async _read(id: string): Promise<ProjectStatus> {
    for (;;) {
      const deletions = this._deletions;
      const status = await this.api.get<ProjectStatus>(ofProject(id));
      if (deletions === this._deletions || this._projects.has(id)) {
        return status;
      }
    }
  }

  private async _readHealth(): Promise<void> {
    try {
      this.health = await this.api.get<SystemHealth>('health');
      this._changed.emit();
    } catch (error) {
      console.warn(`ATT could not read who supervises: ${words(error)}`);
    }
  }

  private async _list(outdated: () => boolean): Promise<ProjectStatus[]> {
    const found: ProjectStatus[] = [];
    for (let cursor: string | null = null, more = true; more && !outdated(); ) {
      const page: ProjectPage = await this.api.get<ProjectPage>('projects', { cursor, limit: IN_A_PAGE });
      found.push(...page.projects);
      [cursor, more] = [page.cursor, page.has_more];
    }
    return found;
  }

  /** Take in the list, except for the projects that were `touched` by an event or a newer answer meanwhile. */
  private _replace(found: ProjectStatus[], touched: Set<string>): void {
    const read = new Map(found.map(status => [status.project.id, status]));
    for (const id of touched) {
      const now = this._projects.get(id);
      if (now) {
        read.set(id, now);
      } else if (this.known) {
        read.delete(id);
      }
    }
    const gone = [...this._projects.keys()].filter(id => !read.has(id));
    this._projects = read;
    this.known = true;
    this._failure = '';
    this._unread.clear();
    gone.forEach(id => this.details.forget(id));
    this.details.expire();
  }

  /** A socket does not say why it could not open; an ordinary request does. */
  private async _askWhy(): Promise<void> {
    const [connection, why] = await this.api.get<SystemHealth>('health').then(
      (): [Connection, string] => ['disconnected', this._failure || 'The connection broke.'],
      (error): [Connection, string] => [isAbsent(error) ? 'absent' : 'disconnected', words(error)]
    );
    if (!this._open) {
      this._enter(connection, why);
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
    if (id !== null && event.kind.startsWith('test.')) {
      this.details.hear(id, event);
    } else if (id !== null) {
      this._touched?.add(id);
      if (event.kind === 'project.deleted') {
        this._forget(id);
      } else if (this.known) {
        this._patch(id, event);
        void this.refresh.ask(id);
      }
    } else if (event.kind.startsWith('supervisor.')) {
      void this._readHealth();
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
    this._put(id, { ...status, runtime: runtime as ProjectStatus['runtime'] });
    this._changed.emit();
  }

  private _take(status: ProjectStatus): void {
    const { id } = status.project;
    this._put(id, status);
    this._unread.delete(id);
    this.details.look(id);
    this._changed.emit();
  }

  private _put(id: string, status: ProjectStatus): void {
    this._touched?.add(id);
    this._projects.set(id, status);
  }

  private _forget(id: string): void {
    this._deletions += 1;
    this._touched?.add(id);
    this._projects.delete(id);
    this._unread.delete(id);
    this.details.forget(id);
    this._changed.emit();
  }

  private readonly _stream: Stream<EventPage>;
  private _projects = new Map<string, ProjectStatus>();
  private _deletions = 0;
  private _open = false;
  /** Ids of what changed while everything is read; null when nothing is being read. */
  private _touched: Set<string> | null = null;
  /** Why projects could not be read again. */
  private readonly _unread = new Map<string, string>();
  /** Why the list could not be read. */
  private _failure = '';
  private readonly _changed = new Signal<this, void>(this);
  private readonly _event = new Signal<this, Event>(this);
}

function isAbsent(error: unknown): boolean {
  return error instanceof Problem && error.code === 'absent';
}
