/** The address at which the browser reaches what a project serves. */

import type { Projects } from '../model/projects';

const PROXY = 'jupyter-server-proxy';
const LOCAL = ['localhost', '127.0.0.1', '[::1]'];

/** Return the address of a project's page. Throws, with what to do, when nothing leads there. */
export function pageOf(id: string, projects: Projects): string {
  const runtime = projects.get(id)?.runtime;
  if (!runtime?.url || !runtime.port) {
    throw new Error(`${id} serves no page now; start it first.`);
  }
  if (projects.can(PROXY)) {
    return projects.api.proxied(runtime.port);
  }
  if (LOCAL.includes(window.location.hostname)) {
    return runtime.url;
  }
  throw new Error(
    `This browser cannot reach ${runtime.url} on the server's machine. Install ${PROXY} where JupyterLab runs and ` +
      'restart the Jupyter server.'
  );
}
