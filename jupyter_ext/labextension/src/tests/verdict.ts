/** How a test run looks to a person. */

import type { TestRun } from '../api/types';
import type { Mark, Tone } from '../model/face';

const STATUSES: { [status: string]: { word: string; mark: Mark; tone: Tone } } = {
  passed: { word: 'Passed', mark: 'healthy', tone: 'good' },
  failed: { word: 'Failed', mark: 'bad', tone: 'bad' },
  no_tests: { word: 'No tests', mark: 'none', tone: 'warn' },
  usage_error: { word: 'Wrong arguments', mark: 'bad', tone: 'bad' },
  interrupted: { word: 'Interrupted', mark: 'ended', tone: 'warn' },
  internal_error: { word: 'Pytest failed', mark: 'bad', tone: 'bad' },
  timed_out: { word: 'Timed out', mark: 'bad', tone: 'bad' },
  crashed: { word: 'Crashed', mark: 'bad', tone: 'bad' },
  collect_error: { word: 'Not collected', mark: 'bad', tone: 'bad' },
  cancelled: { word: 'Cancelled', mark: 'ended', tone: 'idle' }
};

/** Return the verdict on a run; one that goes on has none yet, but may be red already. */
export function verdict(run: TestRun): { word: string; mark: Mark; tone: Tone } {
  if (run.state === 'running') {
    return { word: 'Running', mark: 'busy', tone: red(run) ? 'bad' : 'busy' };
  }
  const status = run.status ?? run.state;
  return STATUSES[status] ?? { word: status, mark: 'unknown', tone: 'idle' };
}

/** Return how many tests failed or could not be run. */
export function red(run: TestRun): number {
  return (run.failed ?? 0) + (run.errors ?? 0);
}

interface ICount {
  word: string;
  number: number;
  tone: Tone;
}

/** Return the counts that are known and not zero, with the words that go with them. */
export function counts(run: TestRun): ICount[] {
  const all: (Omit<ICount, 'number'> & { number: number | null })[] = [
    { word: 'failed', number: run.failed, tone: 'bad' },
    { word: run.errors === 1 ? 'error' : 'errors', number: run.errors, tone: 'bad' },
    { word: 'passed', number: run.passed, tone: 'good' },
    { word: 'skipped', number: run.skipped, tone: 'idle' },
    { word: 'expected to fail', number: run.xfailed, tone: 'idle' },
    { word: 'passed unexpectedly', number: run.xpassed, tone: 'warn' }
  ];
  return all.filter((count): count is ICount => (count.number ?? 0) > 0);
}
