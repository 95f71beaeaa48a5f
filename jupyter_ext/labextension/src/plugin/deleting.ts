/** The dialog before a project is deleted. */

import { Dialog, showDialog } from '@jupyterlab/apputils';

import type { Actions } from '../model/actions';
import type { Projects } from '../model/projects';

/** Ask whether to delete a project, and its folder as well, and do it. */
export async function deleteProject(id: string, projects: Projects, actions: Actions): Promise<void> {
  const path = projects.get(id)?.project.path;
  const { button, isChecked } = await showDialog({
    title: `Delete ${id}?`,
    body: 'ATT stops it, and forgets it with its runs, logs and test results.',
    checkbox: path ? { label: `Delete its folder too: ${path}`, caption: 'Without this its files stay as they are.' } : null,
    buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: 'Delete' })],
    defaultButton: 0
  });
  if (button.accept) {
    await actions.remove(id, isChecked === true);
  }
}
