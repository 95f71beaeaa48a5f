/** The dialog that makes a project. */

import { Dialog, Notification, ReactWidget, showDialog } from '@jupyterlab/apputils';
import * as React from 'react';

import { words } from '../api/client';
import type { Template, TemplateList } from '../api/types';
import type { Projects } from '../model/projects';

interface IAnswer {
  id: string;
  path: string;
  template: string;
}

const FOLDER = '';

/** Ask for a project's name and what to make it from, and make it. */
export async function makeProject(projects: Projects): Promise<void> {
  try {
    const { templates } = await projects.api.get<TemplateList>('templates');
    const body = new Form(templates);
    const { button } = await showDialog<IAnswer>({
      title: 'New project',
      body,
      buttons: [Dialog.cancelButton(), Dialog.okButton({ label: 'Create' })],
      focusNodeSelector: 'input'
    });
    if (button.accept) {
      await create(projects, body.getValue());
    }
  } catch (error) {
    Notification.error(`The project could not be made: ${words(error)}`, { autoClose: false });
  }
}

async function create(projects: Projects, { id, path, template }: IAnswer): Promise<void> {
  await projects.api.post('projects', { id, path: path || `~/${id}`, ...(template && { template }) });
  await projects.refresh.ask(id);
}

class Form extends ReactWidget implements Dialog.IBodyWidget<IAnswer> {
  constructor(private readonly _templates: Template[]) {
    super();
    this._answer.template = _templates.find(({ name }) => name === 'service')?.name ?? FOLDER;
    this.addClass('jp-att-Form');
  }

  getValue(): IAnswer {
    return { ...this._answer };
  }

  protected render(): React.ReactElement {
    const { _answer: answer } = this;
    return (
      <>
        <label>
          Name
          <input
            className="jp-att-Input"
            placeholder="demo"
            pattern="[a-z0-9][a-z0-9\-]*"
            title="Small letters, digits and dashes"
            defaultValue=""
            onChange={event => (answer.id = event.target.value.trim())}
          />
        </label>
        <label>
          Folder on the server
          <input
            className="jp-att-Input"
            placeholder="~/<name>"
            defaultValue=""
            onChange={event => (answer.path = event.target.value.trim())}
          />
        </label>
        <label>
          Made from
          <select
            className="jp-att-Input"
            defaultValue={answer.template}
            onChange={event => (answer.template = event.target.value)}
          >
            {this._templates.map(({ name, title, heavy }) => (
              <option key={name} value={name}>
                {`${title}${heavy ? ' (installs much)' : ''}`}
              </option>
            ))}
            <option value={FOLDER}>the folder as it is</option>
          </select>
        </label>
      </>
    );
  }

  private readonly _answer: IAnswer = { id: '', path: '', template: FOLDER };
}
