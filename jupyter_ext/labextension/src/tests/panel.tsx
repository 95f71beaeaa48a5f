/** The tests of one project in the main area: run them, see how they go, read why they failed. */

import { MainAreaWidget, ReactWidget } from '@jupyterlab/apputils';
import { refreshIcon, runIcon, stopIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { TestRun } from '../api/types';
import { count, duration, local, since } from '../model/times';
import { useNow, useSignal } from '../ui/hooks';
import { testsIcon } from '../ui/icons';
import { Gone, Lost } from '../ui/lost';
import { Banner, Button, Chip, Progress } from '../ui/parts';
import type { ITools } from '../ui/tools';
import { Failure } from './failure';
import { TestModel } from './model';
import { counts, red, verdict } from './verdict';

const SUITES = ['all', 'unit', 'integration', 'e2e', 'property'];
const OPEN = 3;
/** Verdicts to which the run's message adds nothing. */
const PLAIN: (string | null)[] = ['passed', 'failed'];

/** Make the panel. */
export function testPanel(project: string, tools: ITools): MainAreaWidget<TestView> {
  const content = new TestView(new TestModel(project, tools.projects));
  const panel = new MainAreaWidget({ content });
  panel.toolbar.hide();
  panel.title.label = `${project} tests`;
  panel.title.icon = testsIcon;
  panel.title.caption = `Tests of ${project}`;
  return panel;
}

/** The widget of the panel. */
export class TestView extends ReactWidget {
  constructor(readonly model: TestModel) {
    super();
    this.addClass('jp-att-Tests');
  }

  /** The project whose tests it shows. */
  get project(): string {
    return this.model.project;
  }

  dispose(): void {
    this.model.dispose();
    super.dispose();
  }

  protected render(): React.ReactElement {
    return <Tests model={this.model} />;
  }
}

function Tests({ model }: { model: TestModel }): React.ReactElement {
  useSignal(model.changed);
  useSignal(model.projects.changed);
  const { run, readAt, known, problem, projects, gone } = model;
  return (
    <>
      <Ask model={model} />
      <Lost projects={projects} meanwhile="The tests go on." />
      {gone && <Gone project={model.project} />}
      {problem && !gone && (
        <Banner tone="bad" mark="bad" urgent>
          {problem}
        </Banner>
      )}
      {run && <Result run={run} readAt={readAt} />}
      {known && !run && !gone && (
        <div className="jp-att-Nothing">
          <b>These tests have not been run yet</b>
          Run tests starts pytest with the project's own Python; every result is kept.
        </div>
      )}
      {!known && !problem && !gone && <p className="jp-att-reading">Reading…</p>}
    </>
  );
}

function Ask({ model }: { model: TestModel }): React.ReactElement {
  const [suite, setSuite] = React.useState('all');
  const [markers, setMarkers] = React.useState('');
  const { run, runs, project } = model;
  const busy = model.busy || model.gone || model.projects.connection !== 'connected';
  const running = run?.state === 'running';
  const failed = run && !running ? red(run) : 0;
  const begin = () => void model.start({ suite: suite.trim() || 'all', ...(markers.trim() && { markers }) });
  const form = React.useRef<HTMLFormElement>(null);
  const again = () => {
    form.current?.querySelector('button')?.focus(); // this one is gone while the tests run
    void model.rerun();
  };
  return (
    <form
      ref={form}
      className="jp-att-Tests-ask"
      aria-label={`Run tests of ${project}`}
      onSubmit={event => {
        event.preventDefault();
        if (!running && !busy) {
          begin();
        }
      }}
    >
      {running ? (
        <Button label="Cancel" text="Cancel" icon={stopIcon} disabled={busy} onClick={() => void model.cancel()} />
      ) : (
        <Button label="Run the tests" text="Run tests" icon={runIcon} primary disabled={busy} onClick={begin} />
      )}
      {failed > 0 && (
        <Button
          label="Run the tests that failed again"
          text={`Rerun ${failed.toLocaleString('en')} failed`}
          icon={refreshIcon}
          disabled={busy}
          onClick={again}
        />
      )}
      <label>
        Suite
        <input
          className="jp-att-Input"
          list="jp-att-suites"
          value={suite}
          title="all, a folder of tests/, a path or a nodeid"
          onChange={event => setSuite(event.target.value)}
        />
      </label>
      <datalist id="jp-att-suites">
        {SUITES.map(name => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <label>
        Markers
        <input
          className="jp-att-Input"
          placeholder="not slow"
          value={markers}
          title="An expression for pytest's -m"
          onChange={event => setMarkers(event.target.value)}
        />
      </label>
      <button type="submit" hidden />
      <span className="jp-att-spacer" />
      {runs.length > 1 && <Earlier model={model} />}
    </form>
  );
}

function Earlier({ model }: { model: TestModel }): React.ReactElement {
  return (
    <select
      className="jp-att-Input"
      aria-label="Show a run"
      value={model.run?.run_id}
      onChange={event => void model.show(event.target.value)}
    >
      {model.runs.map(run => (
        <option key={run.run_id} value={run.run_id}>
          {`${local(run.started_at)} · ${verdict(run).word}${red(run) ? ` (${red(run)})` : ''}`}
        </option>
      ))}
    </select>
  );
}

function Result({ run, readAt }: { run: TestRun; readAt: number }): React.ReactElement {
  const running = run.state === 'running';
  const now = useNow(running ? 1_000 : null);
  const shown = verdict(run);
  const seconds = run.duration_seconds ?? (running ? since(run.started_at, now) : null);
  const left = running && typeof run.eta_seconds === 'number' ? run.eta_seconds - (now - readAt) / 1_000 : null;
  const share = run.collected === null ? 'collecting' : `${run.finished} of ${run.collected}`;
  return (
    <section className="jp-att-Result" data-state={run.state} aria-label="Test run">
      <div className="jp-att-Result-head" role="status">
        <Chip {...shown} />
        {counts(run).map(({ word, number, tone }) => (
          <span key={word} className={`jp-att-Count jp-att-tone-${tone}`}>
            <b>{number.toLocaleString('en')}</b> {word}
          </span>
        ))}
        <span className="jp-att-spacer" />
        <span className="jp-att-Result-time">
          {running && `${share} · `}
          {seconds !== null && (seconds < 10 && !running ? `${seconds.toFixed(2)} s` : duration(seconds))}
          {left !== null && left > 0 && ` · about ${duration(left)} left`}
        </span>
      </div>
      {running && (
        <Progress share={run.progress} label={`Tests: ${share}`} tone={red(run) ? 'bad' : 'busy'} />
      )}
      <div className="jp-att-Result-note">{note(run)}</div>
      {run.failures.map((failure, index) => (
        <Failure key={`${run.run_id}:${index}`} failure={failure} open={index < OPEN} />
      ))}
      {red(run) > run.failures.length && !running && (
        <p className="jp-att-Tests-nothing">
          {count(red(run) - run.failures.length, 'more failure')}:{' '}
          <code>p.tests.results(outcomes=["failed", "error"])</code> in a notebook reads all.
        </p>
      )}
    </section>
  );
}

function note(run: TestRun): string {
  if (run.state === 'running') {
    return run.in_flight.map(test => test.nodeid).join(', ');
  }
  const { request } = run;
  const asked = request?.targets.length ? request.targets.join(' ') : request?.suite;
  const markers = request?.markers ? ` -m "${request.markers}"` : '';
  return [asked && `${asked}${markers}`, local(run.started_at), !PLAIN.includes(run.status) && run.message].filter(part => part).join(' · ');
}
