/** What views can do beyond drawing. */

import type { Actions, Verb } from '../model/actions';
import type { Projects } from '../model/projects';

export interface ITools {
  projects: Projects;
  actions: Actions;
  run: (verb: Verb, id: string) => void;
  openLog: (id: string) => void;
  openTests: (id: string) => void;
  openPage: (id: string) => void;
  newProject: () => void;
  deleteProject: (id: string) => void;
}
