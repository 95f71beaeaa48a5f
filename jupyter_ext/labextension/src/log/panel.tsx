/** The log of one project in the main area. */

import { Clipboard, MainAreaWidget } from '@jupyterlab/apputils';
import {
  caretDownIcon,
  caretUpIcon,
  downloadIcon,
  historyIcon,
  ReactWidget,
  runIcon
} from '@jupyterlab/ui-components';
import { Message } from '@lumino/messaging';
import { PanelLayout, Widget } from '@lumino/widgets';
import * as React from 'react';

import { face, startable } from '../model/face';
import { count } from '../model/times';
import { useSignal } from '../ui/hooks';
import { clearIcon, copyIcon, logIcon, marks, pauseIcon } from '../ui/icons';
import { Gone, Lost } from '../ui/lost';
import { Banner, Button, Chip } from '../ui/parts';
import type { ITools } from '../ui/tools';
import { LogModel } from './model';
import type { Row } from './ring';
import { Rows } from './rows';

const GOES_ON = 'Nothing is lost: the log goes on where it broke off.';

/** Make the panel. */
export function logPanel(project: string, tools: ITools, lines: number): MainAreaWidget<LogView> {
  const content = new LogView(new LogModel(project, tools.projects.api, lines), tools);
  const panel = new MainAreaWidget({ content });
  panel.toolbar.hide();
  panel.title.label = `${project} log`;
  panel.title.icon = logIcon;
  panel.title.caption = `Log of ${project}`;
  return panel;
}

/** Toolbar above rows. */
export class LogView extends Widget {
  constructor(
    readonly model: LogModel,
    tools: ITools
  ) {
    super();
    this.addClass('jp-att-Log');
    const rows = new Rows(atEnd => model.follow(atEnd));
    rows.node.setAttribute('aria-label', `Log of ${model.project}`);
    this._rows = rows;
    const bar = ReactWidget.create(<Bar model={model} tools={tools} rows={rows} jump={row => this._jump(row)} />);
    bar.addClass('jp-att-Log-bar');
    const layout = (this.layout = new PanelLayout());
    layout.addWidget(bar);
    const nothing = ReactWidget.create(<Nothing model={model} tools={tools} />);
    nothing.addClass('jp-att-Log-nothing');
    layout.addWidget(nothing);
    layout.addWidget(new Widget({ node: rows.node }));
    model.changed.connect(this._show, this);
  }

  /** The project whose log it shows. */
  get project(): string {
    return this.model.project;
  }

  dispose(): void {
    this.model.dispose();
    super.dispose();
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._show();
  }

  protected onResize(message: Widget.ResizeMessage): void {
    super.onResize(message);
    this._show();
  }

  protected onActivateRequest(): void {
    this._rows.node.focus();
  }

  private _show(): void {
    const { model } = this;
    if (this.isVisible) {
      this._rows.show(model.rows, model, model.following);
    }
  }

  private _jump(row: Row | null): void {
    if (row) {
      this._show();
      this._rows.jump(row);
    }
  }

  private readonly _rows: Rows;
}

interface IBar {
  model: LogModel;
  tools: ITools;
  rows: Rows;
  jump: (row: Row | null) => void;
}

function Bar({ model, tools, rows, jump }: IBar): React.ReactElement {
  useSignal(model.changed);
  return (
    <>
      <div className="jp-att-Log-tools" role="toolbar" aria-label={`Log of ${model.project}`}>
        <State model={model} tools={tools} />
        <Button
          label={model.following ? 'Pause: stay at these lines' : 'Follow: go to the newest lines'}
          text={model.following ? 'Pause' : model.unseen ? `${count(model.unseen, 'new line')}` : 'Follow'}
          icon={model.following ? pauseIcon : runIcon}
          primary={!model.following && model.unseen > 0}
          onClick={() => model.follow(!model.following)}
        />
        <Search model={model} rows={rows} jump={jump} />
        <span className="jp-att-spacer" />
        <Kept model={model} />
        <Button
          label="Only what was written to stderr"
          text="stderr"
          pressed={model.errorsOnly}
          onClick={() => model.filter({ errorsOnly: !model.errorsOnly })}
        />
        <Button
          label="Times"
          icon={historyIcon}
          pressed={model.times}
          onClick={() => model.filter({ times: !model.times })}
        />
        <Button label="Clear this view" icon={clearIcon} onClick={() => model.clear()} />
        <Copy text={() => rows.selected || model.ring.text(model)} />
        <Button label="Download these lines" icon={downloadIcon} onClick={() => download(model)} />
      </div>
      <Wrong model={model} tools={tools} />
    </>
  );
}

/** Why no lines come, if anything is wrong. */
function Wrong({ model, tools: { projects } }: { model: LogModel; tools: ITools }): React.ReactElement | null {
  useSignal(projects.changed);
  if (projects.lacks(model.project)) {
    return <Gone project={model.project} />;
  }
  if (model.problem) {
    return (
      <Banner tone="warn" mark="warn" urgent>
        {model.problem}
      </Banner>
    );
  }
  if (!model.broken) {
    return null;
  }
  return projects.connection === 'connected' ? (
    <Banner tone="warn" mark="warn" urgent>
      <b>Disconnected.</b> {GOES_ON} Trying again…
    </Banner>
  ) : (
    <Lost projects={projects} meanwhile={GOES_ON} />
  );
}

function State({ model, tools }: { model: LogModel; tools: ITools }): React.ReactElement | null {
  useSignal(tools.projects.changed);
  const status = tools.projects.get(model.project);
  const old = tools.projects.connection === 'connected' ? '' : 'jp-att-mod-old';
  return status ? (
    <span className={`jp-att-Log-state ${old}`}>
      <Chip {...face(status)} />
    </span>
  ) : null;
}

/** What stands where no line is yet, and how to get some there. */
function Nothing({ model, tools }: { model: LogModel; tools: ITools }): React.ReactElement | null {
  useSignal(model.changed);
  useSignal(tools.projects.changed);
  const status = tools.projects.get(model.project);
  if (model.rows.length || model.problem || tools.projects.lacks(model.project)) {
    return null;
  }
  if (!model.known || !status) {
    return <p className="jp-att-reading">Reading…</p>;
  }
  const filtered = model.ring.taken > 0;
  const hint = face(status).alive
    ? 'Lines appear here as they come.'
    : startable(status)
      ? 'Start the project: its lines appear here as they come.'
      : 'It has no command to start.';
  return (
    <div className="jp-att-Nothing">
      <b>{filtered ? 'No line to show' : 'Nothing written yet'}</b>
      {filtered ? 'Every line so far was left out or cleared.' : hint}
    </div>
  );
}

function Kept({ model }: { model: LogModel }): React.ReactElement {
  const { ring } = model;
  const all = model.rows.filter(row => row.kind === 'line').length;
  const older = all < ring.taken ? ` of ${ring.taken.toLocaleString('en')}` : '';
  const none = ring.taken ? 'No line to show' : model.known && !model.problem ? 'No output yet' : '';
  return <span className="jp-att-Log-kept">{all ? `${all.toLocaleString('en')}${older} lines` : none}</span>;
}

function Search({ model, rows, jump }: Omit<IBar, 'tools'>): React.ReactElement {
  const [text, setText] = React.useState(model.wanted); // the model is drawn too late for a field that is typed into
  const step = (by: 1 | -1) => jump(model.step(by, rows.top));
  const search = (typed: string) => {
    setText(typed);
    jump(model.search(typed, rows.top));
  };
  const { wanted, found, at } = model;
  return (
    <div className="jp-att-Log-search" role="search">
      <input
        className="jp-att-Input"
        type="search"
        placeholder="Search"
        aria-label="Search the log"
        value={text}
        onChange={event => search(event.target.value)}
        onKeyDown={event => event.key === 'Enter' && step(event.shiftKey ? -1 : 1)}
      />
      {wanted && (
        <>
          <span className="jp-att-Log-hits" role="status">
            {found.length === 0 ? 'not found' : at === null ? `${found.length} lines` : `${at + 1} of ${found.length}`}
          </span>
          <Button label="Previous" icon={caretUpIcon} disabled={!found.length} onClick={() => step(-1)} />
          <Button label="Next" icon={caretDownIcon} disabled={!found.length} onClick={() => step(1)} />
        </>
      )}
    </div>
  );
}

function Copy({ text }: { text: () => string }): React.ReactElement {
  const [copied, setCopied] = React.useState(false);
  React.useEffect(() => {
    const later = copied ? window.setTimeout(() => setCopied(false), 1200) : 0;
    return () => window.clearTimeout(later);
  }, [copied]);
  const copy = () => {
    Clipboard.copyToSystem(text());
    setCopied(true);
  };
  const label = copied ? 'Copied' : 'Copy the selection, or all lines shown';
  return <Button label={label} icon={copied ? marks.done : copyIcon} keepsSelection onClick={copy} />;
}

function download(model: LogModel): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([model.ring.text(model)], { type: 'text/plain' }));
  link.download = `${model.project}.log`;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser reads it after this
}
