/** Why a project crashed or is unhealthy: the reason, what to do, and its last lines. */

import * as React from 'react';

import type { Diagnostics, LogLine, ProjectStatus } from '../api/types';
import { plain } from '../log/ansi';
import type { ITools } from './tools';

const LAST_LINES = 6;
type Line = Pick<LogLine, 'text' | 'stream'>;

export function Trouble(props: {
  status: ProjectStatus;
  diagnostics: Diagnostics | null;
  tools: ITools;
}): React.ReactElement {
  const { status, diagnostics, tools } = props;
  const setup = status.runtime.run_id === null ? status.setup : null;
  const diagnosis = setup?.diagnosis ?? diagnostics?.diagnosis ?? null;
  const last_lines = setup?.last_lines.map(unstreamed) ?? diagnostics?.last_lines ?? [];
  const reason = diagnosis?.summary || status.runtime.reason || setup?.message;
  const detail = status.runtime.exit?.reason;
  return (
    <div className="jp-att-Trouble">
      <div className="jp-att-Trouble-reason">{reason || 'Nobody knows why.'}</div>
      {diagnosis && detail && <div className="jp-att-Trouble-detail">{detail}</div>}
      {diagnosis?.remedy && <div className="jp-att-Trouble-remedy">{diagnosis.remedy}</div>}
      {last_lines.length > 0 && <LastLines id={status.project.id} lines={last_lines} onOpen={tools.openLog} />}
    </div>
  );
}

/** A line of a setup, which is told without its stream. */
function unstreamed(text: string): Line {
  return { text, stream: 'stdout' };
}

function LastLines(props: { id: string; lines: Line[]; onOpen: (id: string) => void }): React.ReactElement {
  const { id, lines, onOpen } = props;
  const described = `jp-att-last-lines-${id}`;
  const shown = lines.filter(line => line.text.trim()).slice(-LAST_LINES);
  return (
    <button
      type="button"
      className="jp-att-Trouble-lines"
      title="Open the log"
      aria-label="Last lines; open the log"
      aria-describedby={described}
      onClick={() => onOpen(id)}
    >
      <span id={described}>
        {shown.map((line, index) => (
          <span key={index} className={line.stream === 'stderr' ? 'jp-att-mod-stderr' : undefined}>
            {plain(line.text)}
          </span>
        ))}
      </span>
    </button>
  );
}
