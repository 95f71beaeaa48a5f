/** The left sidebar: all projects of the server, whoever started them. */

import { addIcon, ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { tally, troubles } from '../model/face';
import type { Projects } from '../model/projects';
import { count } from '../model/times';
import { Card } from './card';
import { useSignal } from './hooks';
import { projectsIcon } from './icons';
import { Lost } from './lost';
import { useKeptFocus, useOrder } from './order';
import { Banner, Button } from './parts';
import type { ITools } from './tools';

const MANY = 6;

/** The widget of the sidebar. */
export class Sidebar extends ReactWidget {
  constructor(private readonly _tools: ITools) {
    super();
    this.id = 'jupyter-att-projects';
    this.title.icon = projectsIcon;
    this.title.caption = 'Projects (ATT)';
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'Projects');
    this.addClass('jp-att-Sidebar');
  }

  protected render(): React.ReactElement {
    return <List tools={this._tools} />;
  }
}

function List({ tools }: { tools: ITools }): React.ReactElement {
  const { projects } = tools;
  useSignal(projects.changed);
  const [wanted, want] = React.useState('');
  const place = React.useRef<HTMLUListElement>(null);
  useKeptFocus(place);
  const all = useOrder(projects.all, place);
  const shown = all.filter(({ project }) =>
    `${project.id} ${project.title ?? ''}`.toLowerCase().includes(wanted.toLowerCase())
  );
  return (
    <>
      <header className="jp-att-Sidebar-head">
        <h2>Projects</h2>
        <Summary projects={projects} />
        <Button label="New project" icon={addIcon} disabled={projects.connection !== 'connected'} onClick={tools.newProject} />
      </header>
      <Connection projects={projects} />
      {(all.length > MANY || wanted) && (
        <input
          className="jp-att-Input"
          type="search"
          placeholder="Filter"
          aria-label="Filter the projects"
          value={wanted}
          onChange={event => want(event.target.value)}
        />
      )}
      {projects.known && all.length === 0 && <Nothing onNew={tools.newProject} />}
      {all.length > 0 && shown.length === 0 && <p className="jp-att-Sidebar-nothing">No project is called so.</p>}
      <ul
        ref={place}
        className={`jp-att-Sidebar-list${projects.connection === 'connected' ? '' : ' jp-att-mod-old'}`}
      >
        {shown.map(status => (
          <Card key={status.project.id} status={status} tools={tools} />
        ))}
      </ul>
    </>
  );
}

function Summary({ projects }: { projects: Projects }): React.ReactElement {
  const { projects: number, alive } = tally(projects.all);
  return <span className="jp-att-Sidebar-summary">{number > 0 && `${alive} of ${number} running`}</span>;
}

function Connection({ projects }: { projects: Projects }): React.ReactElement {
  const { connection, notices, known } = projects;
  return (
    <>
      <Lost projects={projects} meanwhile={known ? 'What is shown may be old.' : ''} />
      {connection === 'connecting' && !known && (
        <Banner tone="busy" mark="busy">
          Connecting…
        </Banner>
      )}
      {notices.map(notice => (
        <Banner key={notice} tone="warn" mark="warn">
          {notice}
        </Banner>
      ))}
    </>
  );
}

function Nothing({ onNew }: { onNew: () => void }): React.ReactElement {
  return (
    <div className="jp-att-Sidebar-empty">
      <projectsIcon.react tag="div" className="jp-att-Sidebar-emptyIcon" />
      <p>
        <b>No projects yet</b>
      </p>
      <p>A project is a folder with something to run and to test. It appears here whoever makes it.</p>
      <Button label="New project" text="New project" icon={addIcon} primary onClick={onNew} />
      <p>or, in a notebook:</p>
      <pre>{'import att\ns = att.connect()\ns.projects.create(\n  "demo", path="demo",\n  template="service",\n)'}</pre>
    </div>
  );
}

/** Say how many projects there are, for tooltips. */
export function summary(projects: Projects): string {
  const counted = tally(projects.all);
  return [count(counted.projects, 'project'), `${counted.alive} running`, ...troubles(counted)].join(', ');
}
