/** The panels of the main area: one of a kind for each project, back in their places after a reload. */

import type { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import type { Widget } from '@lumino/widgets';

interface IOfProject extends Widget {
  readonly project: string;
}

/** Opens panels of one kind. */
export class Panels<T extends IOfProject> {
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _kind: string,
    private readonly _make: (project: string) => MainAreaWidget<T>
  ) {
    this._tracker = new WidgetTracker<MainAreaWidget<T>>({ namespace: `jupyter-att-${_kind}` });
  }

  /** Open the panel of a project, or bring it to the front. */
  open(project: string): void {
    let panel = this._tracker.find(found => found.content.project === project);
    if (!panel) {
      panel = this._make(project);
      panel.id = `jupyter-att-${this._kind}-${project}`;
      void this._tracker.add(panel);
    }
    if (!panel.isAttached) {
      this._app.shell.add(panel, 'main');
    }
    this._app.shell.activateById(panel.id);
  }

  /** Let JupyterLab open them again by a command, once what they are made with is known. */
  restore(restorer: ILayoutRestorer, command: string, when?: Promise<void>): void {
    void restorer.restore(this._tracker, {
      command,
      when,
      args: panel => ({ project: panel.content.project }),
      name: panel => panel.content.project
    });
  }

  private readonly _tracker: WidgetTracker<MainAreaWidget<T>>;
}
