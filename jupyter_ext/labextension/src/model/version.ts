/** Whether this page and the server that it talks to fit each other. */

import type { SystemHealth } from '../api/types';

/** The API that this panel was written for; servers of the same major number serve it. */
export const API_VERSION = '1.0';
/** Of this panel; a test holds it equal to the package's. */
export const VERSION = '0.1.0';

/** Return what a person should do about two versions that differ, or null when all is well. */
export function mismatch(health: SystemHealth): string | null {
  if (major(health.api_version) !== major(API_VERSION)) {
    return (
      `This panel speaks version ${API_VERSION} of ATT's API, the server ${health.api_version}: ` +
      'some things may not work. Restart the Jupyter server and load this page again.'
    );
  }
  if (health.version !== VERSION) {
    return (
      `This panel is of ATT ${VERSION}, the server of ATT ${health.version}. ` +
      'Load this page again; if that does not help, restart the Jupyter server.'
    );
  }
  return null;
}

function major(text: string): string {
  return text.split('.')[0] ?? '';
}
