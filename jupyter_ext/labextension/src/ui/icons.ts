/** Icons of states and of ATT itself; each state has a shape of its own, so that colour says nothing alone. */

import { LabIcon } from '@jupyterlab/ui-components';

import type { Mark } from '../model/face';

const svg = (body: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 16 16">${body}</svg>`;
const fill = (path: string) => svg(`<path fill="currentColor" fill-rule="evenodd" d="${path}"/>`);
const line = (path: string) =>
  svg(
    '<path fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" ' +
      `d="${path}"/>`
  );

// A line in the grey and the weight of JupyterLab's own icons; `fill` as an attribute would get their grey as well.
const grey = (path: string) =>
  svg(
    '<path class="jp-icon3" style="fill: none" stroke="#616161" stroke-width="1.3" stroke-linecap="round" ' +
      `stroke-linejoin="round" d="${path}"/>`
  );

/** A board with the trace of a pulse. */
export const projectsIcon = new LabIcon({
  name: 'jupyter-att:projects',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24"><path class="jp-icon3" ' +
    'fill="#616161" fill-rule="evenodd" d="M5 3h14a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2zm0 ' +
    '2v14h14V5H5zm1.2 6.1h2.9l1.8-4.6 3.2 8.6 1.6-4h3.1v1.8h-1.9l-2.8 7-3.2-8.7-.6 1.7H6.200z"/></svg>'
});

export const logIcon = new LabIcon({
  name: 'jupyter-att:log',
  svgstr: svg('<path class="jp-icon3" fill="#616161" d="M2 2.500h12v1.600H2zm0 3.200h8v1.600H2zm0 3.200h12v1.600H2zm0 3.200h6v1.600H2z"/>')
});

/** As in the log view of a notebook. */
export const copyIcon = new LabIcon({
  name: 'jupyter-att:copy',
  svgstr: grey(
    'M5.500 5.500V3.200A1.200 1.200 0 0 1 6.700 2h6.100A1.200 1.200 0 0 1 14 3.200v6.100a1.200 1.200 0 0 1-1.200 1.200h-2.300M3.200 ' +
      '5.500h6.100a1.200 1.200 0 0 1 1.200 1.200v6.100a1.200 1.200 0 0 1-1.200 1.200H3.200A1.200 1.200 0 0 1 2 12.800V6.700a1.200 1.200 0 0 1 1.200-1.200z'
  )
});

/** JupyterLab's own has a mask with an id, which only the first one in a page can use. */
export const clearIcon = new LabIcon({
  name: 'jupyter-att:clear',
  svgstr: grey('M8 2.300a5.700 5.700 0 1 1 0 11.400A5.700 5.700 0 0 1 8 2.300M4 4l8 8')
});

export const pauseIcon = new LabIcon({
  name: 'jupyter-att:pause',
  svgstr: svg('<path class="jp-icon3" fill="#616161" d="M4 3h3v10H4zm5 0h3v10H9z"/>')
});

export const testsIcon = new LabIcon({
  name: 'jupyter-att:tests',
  svgstr: svg(
    '<path class="jp-icon3" fill="#616161" fill-rule="evenodd" d="M5 1.200h6v1.600h-.8v3.400l3.600 6.400c.6 1-.1 2.200-1.300 ' +
      '2.200H3.500c-1.200 0-1.900-1.200-1.300-2.200l3.600-6.400V2.800H5zm2.400 1.600v3.800L6.100 9h3.800L8.600 6.600V2.800z"/>'
  )
});

export const openIcon = new LabIcon({
  name: 'jupyter-att:open',
  svgstr: svg(
    '<path class="jp-icon3" fill="#616161" d="M9 2h5v5h-1.600V4.700L8 9.200 6.800 8l4.500-4.400H9zM3.500 3.500H7v1.600H4.600v6.300h6.300V9h1.600v3.500c0 ' +
      '.3-.2.5-.5.5H3.500c-.3 0-.5-.2-.5-.5V4c0-.3.2-.5.5-.5z"/>'
  )
});

const MARKS: { [mark in Mark]: string } = {
  healthy: fill('M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1zm3.600 4.100L7 9.700 4.900 7.600 3.700 8.800 7 12.100l5.800-5.800z'),
  running: fill('M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1zM6.300 4.700v6.600L11.800 8z'),
  busy: line('M8 2a6 6 0 1 1-5.700 4.200'),
  warn: fill('M8 1.300 15.300 14H.7zM7.200 6v4.200h1.600V6zm0 5.200v1.600h1.600v-1.600z'),
  bad: fill('M5.100 1h5.800L15 5.100v5.800L10.900 15H5.100L1 10.900V5.100zm.5 3.400L4.400 5.600 6.800 8l-2.400 2.400 1.200 1.200L8 9.200l2.400 2.400 1.200-1.200L9.200 8l2.400-2.400-1.200-1.200L8 6.800z'),
  stopped: line('M8 2.200a5.800 5.800 0 1 1 0 11.600A5.800 5.800 0 0 1 8 2.200'),
  exited: line('M3.200 3.200h9.600v9.600H3.200z'),
  again: line('M13.700 8A5.700 5.700 0 1 1 11.800 3.800M12.300 1v3.300H9'),
  unsteady: line('M1.800 9.500c1.800-4.500 4.200-4.500 6.200-1.500s4.400 3 6.200-1.500'),
  none: line('M8 2.200a5.800 5.800 0 1 1 0 11.600A5.800 5.800 0 0 1 8 2.200M3 13 13 3'),
  ended: line('M3.500 8h9'),
  done: line('M3 8.500l3.400 3.400L13 4.800'),
  unknown: line('M8 1.900a6.100 6.100 0 1 1 0 12.200A6.100 6.100 0 0 1 8 1.900M6.300 6.400c0-2.400 3.500-2.300 3.500-.1C9.800 7.700 8 7.600 8 9M8 11.300v.1')
};

/** Icons of the states by their marks. */
export const marks = Object.fromEntries(
  Object.entries(MARKS).map(([mark, svgstr]) => [mark, new LabIcon({ name: `jupyter-att:${mark}`, svgstr })])
) as { [mark in Mark]: LabIcon };
