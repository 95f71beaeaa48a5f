/** The dialog that makes a project; it stays open, with what was typed, until that has worked. */

import { Dialog, Notification } from '@jupyterlab/apputils';

import { words } from '../api/client';
import type { TemplateList } from '../api/types';
import type { Projects } from '../model/projects';
import { Form, type IAnswer } from './form';

const CREATE = 1;

/** Ask for a project's name and what to make it from, and make it. */
export async function makeProject(projects: Projects): Promise<void> {
  try {
    const { templates } = await projects.api.get<TemplateList>('templates');
    const form = new Form(templates);
    await new Making(form, answer => create(projects, answer)).launch();
  } catch (error) {
    Notification.error(`What a project can be made from could not be read: ${words(error)}`, { autoClose: false });
  }
}

async function create(projects: Projects, { id, path, template }: IAnswer): Promise<void> {
  await projects.api.post('projects', { id, path: path || `~/${id}`, ...(template && { template }) });
  await projects.refresh.ask(id);
}

class Making extends Dialog<IAnswer> {
  constructor(
    private readonly _form: Form,
    private readonly _create: (answer: IAnswer) => Promise<void>
  ) {
    super({
      title: 'New project',
      body: _form,
      buttons: [Dialog.cancelButton(), Dialog.okButton({ label: 'Create' })],
      focusNodeSelector: 'input'
    });
  }

  /** Close when the project is made; an error is said in the form. */
  resolve(index = CREATE): void {
    if (index !== CREATE) {
      super.resolve(index);
    } else if (this._form.ready()) {
      void this._make();
    }
  }

  private async _make(): Promise<void> {
    const answer = this._form.getValue();
    this._form.tell({ busy: true });
    try {
      await this._create(answer);
      if (!this.isDisposed) {
        super.resolve(CREATE);
      }
    } catch (error) {
      if (this.isDisposed) {
        Notification.error(`${answer.id} could not be made: ${words(error)}`, { autoClose: false });
      } else {
        this._form.tell({ problem: words(error) });
      }
    }
  }
}
