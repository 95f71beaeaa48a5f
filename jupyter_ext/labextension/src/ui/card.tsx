/** A project in the sidebar: what it is, how it is, what can be done. */

import { deleteIcon, refreshIcon, runIcon, stopIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { ProjectStatus, TestRun } from '../api/types';
import { Face, face, startable } from '../model/face';
import { ago, count, duration, since } from '../model/times';
import { useInView, useNow } from './hooks';
import { logIcon, openIcon, testsIcon } from './icons';
import { nameOf } from './order';
import { Button, Chip, Progress } from './parts';
import type { ITools } from './tools';
import { Trouble } from './trouble';

/** The whole card. */
export function Card({ status, tools }: { status: ProjectStatus; tools: ITools }): React.ReactElement {
  const { id, path } = status.project;
  const name = nameOf(status);
  const shown = face(status);
  const place = useInView<HTMLLIElement>(() => tools.projects.details.watch(id));
  return (
    <li ref={place} className={`jp-att-Card jp-att-tone-${shown.tone}`} data-project={id} data-state={status.runtime.state}>
      <div className="jp-att-Card-head">
        <div className="jp-att-Card-name" title={[...new Set([name, id, path])].filter(part => part).join('\n')}>
          <span className="jp-att-Card-title">{name}</span>
          {name !== id && <span className="jp-att-Card-id">{id}</span>}
        </div>
        <Chip mark={shown.mark} tone={shown.tone} word={shown.word} />
      </div>
      <Facts status={status} shown={shown} />
      {status.setup?.state === 'running' && (
        <Progress share={status.setup.progress} label={`Setting up ${id}: ${status.setup.message}`} />
      )}
      {shown.trouble && <Trouble status={status} diagnostics={tools.projects.details.diagnostics(id)} tools={tools} />}
      <LastTests run={tools.projects.details.tests.get(id)} onOpen={() => tools.openTests(id)} />
      <Toolbar status={status} shown={shown} tools={tools} />
    </li>
  );
}

function Facts({ status, shown }: { status: ProjectStatus; shown: Face }): React.ReactElement {
  const { runtime, adapter, setup } = status;
  const now = useNow(runtime.next_restart_at ? 1_000 : 10_000);
  const facts: string[] = [];
  if (setup?.state === 'running') {
    facts.push(setup.message);
  } else if (runtime.next_restart_at) {
    facts.push(`again in ${duration(-since(runtime.next_restart_at, now))}`);
  } else if (shown.alive && runtime.started_at) {
    facts.push(`for ${duration(since(runtime.started_at, now))}`);
  } else if (runtime.exit?.exited_at) {
    facts.push(ago(since(runtime.exit.exited_at, now)));
  } else if (!startable(status)) {
    facts.push('no command to start');
  } else if (runtime.run_id === null) {
    facts.push('never started');
  }
  if (runtime.port) {
    facts.push(`port ${runtime.port}`);
  }
  if (runtime.restarts) {
    facts.push(count(runtime.restarts, 'restart'));
  }
  if (adapter === 'nat') {
    facts.push('NeMo Agent Toolkit');
  }
  if (runtime.restart_to_apply) {
    facts.push('restart to apply settings');
  }
  return <div className="jp-att-Card-facts">{facts.join(' · ')}</div>;
}

function LastTests({ run, onOpen }: { run: TestRun | null; onOpen: () => void }): React.ReactElement | null {
  if (!run) {
    return null;
  }
  const red = (run.failed ?? 0) + (run.errors ?? 0);
  const running = run.state === 'running';
  const done = run.collected ? `${run.finished} of ${run.collected}` : 'begin';
  const counts = `${run.passed ?? 0} passed${red ? `, ${red} failed` : ''}`;
  const tone = red ? 'bad' : running ? 'busy' : run.status === 'passed' ? 'good' : 'warn';
  const mark = running ? 'busy' : red ? 'bad' : run.status === 'passed' ? 'done' : 'warn';
  return (
    <button type="button" className="jp-att-Card-tests" onClick={onOpen} title="Open the test panel">
      <Chip mark={mark} tone={tone} word={running ? `Tests ${done}${run.collected ? `: ${counts}` : ''}` : `Tests: ${counts}`} />
      {running && <Progress share={run.progress ?? null} label="Progress of the tests" tone={red ? 'bad' : 'busy'} />}
    </button>
  );
}

function Toolbar({ status, shown, tools }: { status: ProjectStatus; shown: Face; tools: ITools }): React.ReactElement {
  const { id } = status.project;
  const busy = tools.actions.busy(id);
  const canStart = startable(status);
  const connected = tools.projects.connection === 'connected';
  const free = connected && busy === null;
  const failed = shown.trouble === 'setup';
  return (
    <div className="jp-att-Card-actions" role="toolbar" aria-label={`Actions on ${id}`}>
      {shown.alive ? (
        <Button
          label={busy === 'stop' ? 'Stopping' : 'Stop'}
          text={busy === 'stop' ? 'Stopping…' : 'Stop'}
          about={id}
          icon={stopIcon}
          disabled={!free && !(connected && busy === 'start')}
          onClick={event => event.detail < 2 && tools.run('stop', id)} // not the second click on Start
        />
      ) : failed && !canStart ? null : (
        <Button
          label={canStart ? 'Start' : 'It has no command to start'}
          text={busy && busy !== 'delete' ? 'Starting…' : 'Start'}
          about={id}
          icon={runIcon}
          primary={canStart && shown.trouble !== null && !failed}
          disabled={!free || !canStart || status.setup?.state === 'running'}
          onClick={() => tools.run('start', id)}
        />
      )}
      {shown.alive ? (
        <Button label="Restart" about={id} icon={refreshIcon} disabled={!free} onClick={() => tools.run('restart', id)} />
      ) : (
        <Button
          label={busy === 'delete' ? 'Deleting' : 'Delete'}
          text={failed ? (busy === 'delete' ? 'Deleting…' : 'Delete…') : undefined}
          about={id}
          icon={deleteIcon}
          disabled={!free}
          onClick={() => tools.deleteProject(id)}
        />
      )}
      <span className="jp-att-Card-views">
        {shown.alive && status.runtime.url && (
          <Button label="Open in the browser" about={id} icon={openIcon} onClick={() => tools.openPage(id)} />
        )}
        <Button label="Open the log" about={id} icon={logIcon} onClick={() => tools.openLog(id)} />
        <Button label="Open the tests" about={id} icon={testsIcon} onClick={() => tools.openTests(id)} />
      </span>
    </div>
  );
}
