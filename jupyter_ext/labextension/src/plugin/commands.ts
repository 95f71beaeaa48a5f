/** The commands: in the palette, for key bindings, and for other extensions. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { ICommandPalette, InputDialog, Notification } from '@jupyterlab/apputils';
import { addIcon, deleteIcon, refreshIcon, runIcon, stopIcon } from '@jupyterlab/ui-components';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { words } from '../api/client';
import { face } from '../model/face';
import type { Projects } from '../model/projects';
import { logIcon, openIcon, projectsIcon, testsIcon } from '../ui/icons';
import type { ITools } from '../ui/tools';

export const COMMANDS = {
  show: 'jupyter-att:show-projects',
  create: 'jupyter-att:new-project',
  start: 'jupyter-att:start',
  stop: 'jupyter-att:stop',
  restart: 'jupyter-att:restart',
  log: 'jupyter-att:open-log',
  tests: 'jupyter-att:open-tests',
  page: 'jupyter-att:open-page',
  delete: 'jupyter-att:delete'
};

const CATEGORY = 'ATT';

/** Add the commands; those on a project take it as the argument `project`, and ask for it when there is none. */
export function addCommands(app: JupyterFrontEnd, tools: ITools, show: () => void, palette: ICommandPalette | null): void {
  const { commands } = app;
  commands.addCommand(COMMANDS.show, {
    label: args => (args['isLauncher'] ? 'Projects' : 'Show the Projects'),
    caption: 'State, health, logs and tests of all projects',
    icon: projectsIcon,
    execute: show
  });
  commands.addCommand(COMMANDS.create, {
    label: args => (args['isLauncher'] ? 'New Project' : 'New Project…'),
    caption: 'Make a project from a template or a folder',
    icon: addIcon,
    execute: tools.newProject
  });
  const onProject = (
    id: string,
    label: string,
    icon: typeof logIcon,
    act: (project: string) => unknown,
    suits: (project: string) => boolean = () => true
  ) => {
    commands.addCommand(id, {
      label: args => (typeof args['project'] === 'string' ? `${label} ${args['project']}` : `${label} a Project…`),
      icon,
      execute: async args => {
        const project = await projectOf(args, tools.projects, label, suits);
        return project === null ? undefined : act(project);
      }
    });
  };
  const alive = (id: string) => isAlive(tools.projects, id);
  onProject(COMMANDS.start, 'Start', runIcon, id => tools.actions.run('start', id), id => !alive(id));
  onProject(COMMANDS.stop, 'Stop', stopIcon, id => tools.actions.run('stop', id), alive);
  onProject(COMMANDS.restart, 'Restart', refreshIcon, id => tools.actions.run('restart', id), alive);
  onProject(COMMANDS.log, 'Open the Log of', logIcon, tools.openLog);
  onProject(COMMANDS.tests, 'Open the Tests of', testsIcon, tools.openTests);
  onProject(COMMANDS.page, 'Open the Page of', openIcon, tools.openPage, alive);
  onProject(COMMANDS.delete, 'Delete', deleteIcon, tools.deleteProject);
  for (const command of Object.values(COMMANDS)) {
    palette?.addItem({ command, category: CATEGORY });
  }
}

async function projectOf(
  args: ReadonlyPartialJSONObject,
  projects: Projects,
  label: string,
  suits: (id: string) => boolean
): Promise<string | null> {
  if (typeof args['project'] === 'string') {
    return args['project'];
  }
  const items = projects.all.map(({ project }) => project.id).filter(suits);
  if (items.length === 0) {
    Notification.info('There is no project for that.');
    return null;
  }
  const answer = await InputDialog.getItem({ title: `${label} a Project`, label: 'Project', items });
  return answer.button.accept ? answer.value : null;
}

function isAlive(projects: Projects, id: string): boolean {
  const status = projects.get(id);
  return status !== undefined && face(status).alive;
}

/** Do something that may fail, and say so. */
export function told(act: () => void): void {
  try {
    act();
  } catch (error) {
    Notification.warning(words(error), { autoClose: 10_000 });
  }
}
