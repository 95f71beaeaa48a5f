/** How a project looks to a person: a word, an icon's name and a tone for each state, and what counts as trouble. */

import type { ExitRecord, ProjectStatus } from '../api/types';

export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'idle' | 'odd';
export type Mark =
  | 'healthy'
  | 'running'
  | 'busy'
  | 'warn'
  | 'bad'
  | 'stopped'
  | 'exited'
  | 'again'
  | 'unsteady'
  | 'done'
  | 'none'
  | 'ended'
  | 'unknown';
export type Trouble = 'crashed' | 'unhealthy' | 'setup';

/** What is shown for a project; the tone is never the only difference. */
export interface Face {
  tone: Tone;
  mark: Mark;
  word: string;
  /** It needs somebody: crashed, lost, in a crash loop; unhealthy; or its setup failed. */
  trouble: Trouble | null;
  /** It has a process, or soon will have one again. */
  alive: boolean;
}

const RUNNING: { [health: string]: Face } = {
  healthy: { tone: 'good', mark: 'healthy', word: 'Healthy', trouble: null, alive: true },
  starting: { tone: 'busy', mark: 'busy', word: 'Starting', trouble: null, alive: true },
  transient: { tone: 'warn', mark: 'unsteady', word: 'Transient', trouble: null, alive: true },
  unhealthy: { tone: 'bad', mark: 'bad', word: 'Unhealthy', trouble: 'unhealthy', alive: true },
  unknown: { tone: 'busy', mark: 'running', word: 'Running', trouble: null, alive: true }
};

const STATES: { [state: string]: Face } = {
  stopped: { tone: 'idle', mark: 'stopped', word: 'Stopped', trouble: null, alive: false },
  starting: { tone: 'busy', mark: 'busy', word: 'Starting', trouble: null, alive: true },
  stopping: { tone: 'busy', mark: 'busy', word: 'Stopping', trouble: null, alive: true },
  backoff: { tone: 'warn', mark: 'again', word: 'Backoff', trouble: 'crashed', alive: true },
  crash_loop: { tone: 'bad', mark: 'bad', word: 'Crash loop', trouble: 'crashed', alive: false },
  lost: { tone: 'odd', mark: 'unknown', word: 'Lost', trouble: 'crashed', alive: false }
};

const CRASHED: Face = { tone: 'bad', mark: 'bad', word: 'Crashed', trouble: 'crashed', alive: false };
const EXITED: Face = { tone: 'idle', mark: 'exited', word: 'Exited', trouble: null, alive: false };
const SETTING_UP: Face = { tone: 'busy', mark: 'busy', word: 'Setting up', trouble: null, alive: false };
const NOT_SET_UP: Face = { tone: 'bad', mark: 'bad', word: 'Setup failed', trouble: 'setup', alive: false };

/** Return what to show for a project. A state that this panel does not know is shown as it was told. */
export function face(status: ProjectStatus): Face {
  const { runtime, setup } = status;
  if (setup?.state === 'running') {
    return SETTING_UP;
  }
  if (setup?.state === 'failed' && runtime.run_id === null) {
    return NOT_SET_UP;
  }
  if (runtime.state === 'running') {
    return RUNNING[runtime.health] ?? unknown(runtime.health, true);
  }
  if (runtime.state === 'exited') {
    return runtime.exit === null || endedWell(runtime.exit) ? EXITED : CRASHED;
  }
  return STATES[runtime.state] ?? unknown(runtime.state, false);
}

function endedWell({ requested, code }: ExitRecord): boolean {
  return requested || code === 0;
}

function unknown(word: string, alive: boolean): Face {
  return { tone: 'odd', mark: 'unknown', word, trouble: null, alive };
}

/** Return whether there is something to start. */
export function startable({ project, adapter }: ProjectStatus): boolean {
  return project.command !== null || project.nat_config !== null || adapter !== 'none';
}

/** Numbers for the status bar. */
export type Tally = { [counted in Trouble | 'projects' | 'alive']: number };

/** Count the projects by what matters. */
export function tally(all: Iterable<ProjectStatus>): Tally {
  const counts: Tally = { projects: 0, alive: 0, crashed: 0, setup: 0, unhealthy: 0 };
  for (const status of all) {
    const { alive, trouble } = face(status);
    counts.projects += 1;
    counts.alive += alive ? 1 : 0;
    if (trouble) {
      counts[trouble] += 1;
    }
  }
  return counts;
}

/** Return how many projects are in which trouble, in words; nothing when none is. */
export function troubles({ crashed, setup, unhealthy }: Tally): string[] {
  const parts = [crashed && `${crashed} crashed`, setup && `${setup} not set up`, unhealthy && `${unhealthy} unhealthy`];
  return parts.filter((part): part is string => Boolean(part));
}
