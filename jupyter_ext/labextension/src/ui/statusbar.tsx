/** The item in the status bar: how many projects run, and whether one needs somebody. */

import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { Mark, tally, Tone, troubles } from '../model/face';
import type { Projects } from '../model/projects';
import { useSignal } from './hooks';
import { MarkIcon } from './parts';
import { summary } from './sidebar';

/** The widget of the status bar. */
export class StatusItem extends ReactWidget {
  constructor(
    private readonly _projects: Projects,
    private readonly _onClick: () => void
  ) {
    super();
    this.addClass('jp-att-StatusItem');
  }

  protected render(): React.ReactElement {
    return <Item projects={this._projects} onClick={this._onClick} />;
  }
}

function Item({ projects, onClick }: { projects: Projects; onClick: () => void }): React.ReactElement {
  useSignal(projects.changed);
  const { tone, mark, text } = told(projects);
  const title = projects.connection === 'connected' ? `ATT: ${summary(projects)}` : projects.why;
  return (
    <button type="button" className={`jp-att-Status jp-att-tone-${tone}`} title={title} onClick={onClick}>
      <MarkIcon mark={mark} tone={tone} />
      <span role="status">{text}</span>
    </button>
  );
}

function told(projects: Projects): { tone: Tone; mark: Mark; text: string } {
  if (projects.connection === 'absent') {
    return { tone: 'bad', mark: 'bad', text: 'ATT not served' };
  }
  if (projects.connection === 'disconnected') {
    return { tone: 'warn', mark: 'warn', text: 'ATT disconnected' };
  }
  if (!projects.known) {
    return { tone: 'busy', mark: 'busy', text: 'ATT' };
  }
  const counted = tally(projects.all);
  const { alive } = counted;
  const bad = troubles(counted);
  if (bad.length) {
    return { tone: 'bad', mark: 'bad', text: [...bad, ...(alive ? [`${alive} running`] : [])].join(' · ') };
  }
  return alive
    ? { tone: 'good', mark: 'healthy', text: `${alive} running` }
    : { tone: 'idle', mark: 'stopped', text: 'ATT: nothing runs' };
}
