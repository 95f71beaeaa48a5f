/** What a person can do with a project, with its waiting and with what is said when it fails. */

import { Notification } from '@jupyterlab/apputils';

import { ofProject, words } from '../api/client';
import type { RuntimeStatus } from '../api/types';
import { face } from './face';
import type { Projects } from './projects';
import type { Settings } from './settings';
import { duration } from './times';
import { until } from './until';

export type Verb = 'start' | 'stop' | 'restart';
export type Doing = Verb | 'delete';

const DONE: { [doing in Doing]: string } = {
  start: 'started',
  stop: 'stopped',
  restart: 'restarted',
  delete: 'deleted'
};

/** Starts, stops and deletes; one action of a project at a time, but a stop takes over from a start. */
export class Actions {
  constructor(
    private readonly _projects: Projects,
    private readonly _settings: Settings,
    private readonly _openLog: (id: string) => void
  ) {}

  /** What is being done to a project, if anything. */
  busy(id: string): Doing | null {
    return this._busy.get(id)?.doing ?? null;
  }

  /** Start, stop or restart a project; a failure becomes a notification that leads to the log. */
  async run(verb: Verb, id: string): Promise<void> {
    await this._do(verb, id, async replaced => {
      const runtime = await this._projects.api.post<RuntimeStatus>(ofProject(id, `runtime/${verb}`));
      await this._projects.refresh.ask(id);
      if (verb !== 'stop') {
        await this._wait(id, verb, runtime.run_id, replaced);
      }
    });
  }

  /** Delete a project, with its folder if `files`. */
  async remove(id: string, files: boolean): Promise<void> {
    await this._do('delete', id, () => this._projects.api.delete(ofProject(id), { files }));
  }

  private async _do(doing: Doing, id: string, work: (replaced: () => boolean) => Promise<unknown>): Promise<void> {
    const before = this.busy(id);
    if (before !== null && !(doing === 'stop' && before === 'start')) {
      return;
    }
    const mine = { doing };
    const replaced = () => this._busy.get(id) !== mine;
    this._busy.set(id, mine);
    this._projects.notify();
    try {
      await work(replaced);
    } catch (error) {
      if (!replaced()) {
        this._say(id, `${id} could not be ${DONE[doing]}: ${words(error)}`);
      }
    } finally {
      if (!replaced()) {
        this._busy.delete(id);
      }
      void this._projects.refresh.ask(id);
    }
  }

  /** Wait for what the settings name. Throws what is to be said when it is not reached. */
  private async _wait(id: string, verb: Verb, run: string | null, replaced: () => boolean): Promise<void> {
    await this._settings.ready;
    const { wait, waitSeconds } = this._settings;
    if (wait === 'none') {
      return;
    }
    const reached = () => replaced() || this._reached(id, wait, run);
    const end = Date.now() + waitSeconds * 1000;
    do {
      await until(this._projects.changed, reached, end - Date.now()).catch(() => {
        const state = this._projects.get(id);
        const now = state ? face(state).word.toLowerCase() : 'gone';
        throw new Error(`it is ${now}, not ${wait}, after ${duration(waitSeconds)}. It goes on; look at its log.`);
      });
      await this._projects.refresh.ask(id); // an event tells the end, not how, and may be older than what was read
    } while (!reached());
    const status = this._projects.get(id);
    if (status && face(status).trouble === 'crashed') {
      await this._projects.details.explain(id);
      const diagnosis = this._projects.details.diagnostics(id)?.diagnosis;
      const why = diagnosis?.summary ?? status.runtime.reason; // JupyterLab cuts at 140; the card has the remedy
      throw new Error(`it ended ${verb === 'start' ? 'at once' : 'again'}. ${why}`);
    }
  }

  /** Whether the waiting is over: the aim is reached, or cannot be any more. */
  private _reached(id: string, wait: 'running' | 'healthy', run: string | null): boolean {
    const status = this._projects.get(id);
    if (!status || status.runtime.run_id !== run) {
      return true;
    }
    const { state, health } = status.runtime;
    const good = state === 'running' && (wait === 'running' || health === 'healthy');
    return good || !(state === 'starting' || state === 'running');
  }

  private _say(id: string, message: string): void {
    Notification.error(message, {
      autoClose: false,
      actions: [{ label: 'Open log', callback: () => this._openLog(id), displayType: 'accent' }]
    });
  }

  private readonly _busy = new Map<string, { doing: Doing }>();
}
