/** In which order the projects are listed. */

import * as React from 'react';

import type { ProjectStatus } from '../api/types';
import { face } from '../model/face';

/** Return what a project is called. */
export function nameOf({ project }: ProjectStatus): string {
  return project.title || project.id;
}

/** Return the projects in trouble first, then those that run, then the rest; each by name. */
export function byUrgency(all: ProjectStatus[]): ProjectStatus[] {
  return [...all].sort(
    (a, b) =>
      urgency(a) - urgency(b) || nameOf(a).localeCompare(nameOf(b)) || a.project.id.localeCompare(b.project.id)
  );
}

function urgency(status: ProjectStatus): number {
  const { trouble, alive } = face(status);
  return trouble ? 0 : alive ? 1 : 2;
}

/** Return the projects in their order, or the one that they had while the pointer is over `list`: none slips away. */
export function useOrder(all: ProjectStatus[], list: React.RefObject<HTMLElement>): ProjectStatus[] {
  const places = React.useRef(new Map<string, number>());
  const held = useUnderPointer(list);
  const ordered = byUrgency(all);
  if (!held) {
    places.current = new Map(ordered.map(({ project }, place) => [project.id, place]));
  }
  const place = ({ project }: ProjectStatus) => places.current.get(project.id) ?? places.current.size;
  return ordered.sort((a, b) => place(a) - place(b));
}

/** Tell whether the pointer is over an element, or was until something pushed the element aside; draw when it is not. */
function useUnderPointer(within: React.RefObject<HTMLElement>): boolean {
  const moved = React.useRef(false);
  const told = React.useRef(false);
  const [, draw] = React.useReducer((n: number) => n + 1, 0);
  React.useEffect(() => {
    const move = ({ target }: Event) => {
      moved.current = target instanceof Node && Boolean(within.current?.contains(target));
      if (told.current && !moved.current) {
        draw();
      }
    };
    const { documentElement: page } = document;
    const kinds = ['pointermove', 'pointerleave']; // React's own miss it when what is under the pointer goes away
    kinds.forEach(kind => page.addEventListener(kind, move));
    return () => kinds.forEach(kind => page.removeEventListener(kind, move));
  }, []);
  told.current = moved.current || Boolean(within.current?.matches(':hover'));
  return told.current;
}

/** Give the focus back to what had it inside the element, as moving a node takes it away. */
export function useKeptFocus(within: React.RefObject<HTMLElement>): void {
  const active = document.activeElement;
  const focused = active instanceof HTMLElement && within.current?.contains(active) ? active : null;
  React.useLayoutEffect(() => {
    if (focused?.isConnected && document.activeElement !== focused) {
      focused.focus({ preventScroll: true });
    }
  });
}
