/** ATT in JupyterLab: a sidebar, panels, a status item and commands over one stream of events. */

import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';

import { Api } from './api/client';
import { logPanel } from './log/panel';
import { Actions } from './model/actions';
import { Projects } from './model/projects';
import { PLUGIN, Settings } from './model/settings';
import { addCommands, COMMANDS, told } from './plugin/commands';
import { deleteProject } from './plugin/deleting';
import { makeProject } from './plugin/making';
import { pageOf } from './plugin/pages';
import { Panels } from './plugin/panels';
import { testPanel } from './tests/panel';
import { Sidebar } from './ui/sidebar';
import { StatusItem } from './ui/statusbar';
import type { ITools } from './ui/tools';

const plugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN,
  description: 'Projects of ATT: state, health, logs and tests.',
  autoStart: true,
  optional: [ICommandPalette, ILauncher, ILayoutRestorer, ISettingRegistry, IStatusBar],
  activate
};

function activate(
  app: JupyterFrontEnd,
  palette: ICommandPalette | null,
  launcher: ILauncher | null,
  restorer: ILayoutRestorer | null,
  registry: ISettingRegistry | null,
  statusBar: IStatusBar | null
): void {
  const settings = new Settings();
  settings.load(registry);
  const projects = new Projects(new Api(app.serviceManager.serverSettings));
  const logs = new Panels(app, 'log', id => logPanel(id, tools, settings.logLines));
  const tests = new Panels(app, 'tests', id => testPanel(id, tools));
  const actions = new Actions(projects, settings, id => logs.open(id));
  const tools: ITools = {
    projects,
    actions,
    run: (verb, id) => void actions.run(verb, id),
    openLog: id => logs.open(id),
    openTests: id => tests.open(id),
    openPage: id => told(() => window.open(pageOf(id, projects), '_blank', 'noopener')),
    newProject: () => void makeProject(projects),
    deleteProject: id => void deleteProject(id, projects, actions)
  };

  const sidebar = new Sidebar(tools);
  app.shell.add(sidebar, 'left', { rank: 450, type: 'Projects' });
  const show = () => app.shell.activateById(sidebar.id);
  addCommands(app, tools, show, palette);
  launcher?.add({ command: COMMANDS.show, category: 'ATT', rank: 1, args: { isLauncher: true } });
  launcher?.add({ command: COMMANDS.create, category: 'ATT', rank: 2, args: { isLauncher: true } });
  restorer?.add(sidebar, sidebar.id);
  if (restorer) {
    logs.restore(restorer, COMMANDS.log, settings.ready);
    tests.restore(restorer, COMMANDS.tests);
  }
  if (statusBar) {
    const item = new StatusItem(projects, show);
    statusBar.registerStatusItem(PLUGIN, {
      item,
      align: 'left',
      rank: 100,
      isActive: () => settings.statusBar,
      activeStateChanged: settings.changed
    });
  }
}

export default plugin;
