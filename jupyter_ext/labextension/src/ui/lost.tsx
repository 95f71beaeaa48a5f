/** What is wrong between the page and the server, or is not there any more. */

import * as React from 'react';

import type { Projects } from '../model/projects';
import { Banner } from './parts';

/** Say why there is no connection, and what is true meanwhile; nothing while there is one. */
export function Lost({ projects, meanwhile }: { projects: Projects; meanwhile: string }): React.ReactElement | null {
  const { connection, why } = projects;
  if (connection === 'disconnected') {
    return (
      <Banner tone="warn" mark="warn" urgent>
        <b>Disconnected.</b> {why} {meanwhile} Trying again…
      </Banner>
    );
  }
  if (connection === 'absent') {
    return (
      <Banner tone="bad" mark="bad" urgent>
        <b>{why}</b> Install jupyter-att where JupyterLab runs and restart the Jupyter server.
      </Banner>
    );
  }
  return null;
}

/** Say that there is no such project. */
export function Gone({ project }: { project: string }): React.ReactElement {
  return (
    <Banner tone="warn" mark="warn" urgent>
      There is no project '{project}'.
    </Banner>
  );
}
