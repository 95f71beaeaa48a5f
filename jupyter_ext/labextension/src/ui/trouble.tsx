/** Why a project crashed or is unhealthy: the reason, what to do, and its last lines. */

import * as React from 'react';

import type { Diagnostics, LogLine, ProjectStatus } from '../api/types';
import { plain } from '../log/ansi';
import type { ITools } from './tools';

const LAST_LINES = 6;

export function Trouble(props: {
  status: ProjectStatus;
  diagnostics: Diagnostics | null;
  tools: ITools;
}): React.ReactElement {
  const { status, diagnostics, tools } = props;
  const { diagnosis, last_lines } = diagnostics ?? { diagnosis: null, last_lines: [] };
  const reason = diagnosis?.summary ?? status.runtime.reason ?? status.setup?.message ?? '';
  const detail = status.runtime.exit?.reason;
  return (
    <div className="jp-att-Trouble">
      <div className="jp-att-Trouble-reason">{reason || 'Nobody knows why.'}</div>
      {diagnosis && detail && <div className="jp-att-Trouble-detail">{detail}</div>}
      {diagnosis?.remedy && <div className="jp-att-Trouble-remedy">{diagnosis.remedy}</div>}
      {last_lines.length > 0 && <LastLines lines={last_lines} onOpen={() => tools.openLog(status.project.id)} />}
    </div>
  );
}

function LastLines({ lines, onOpen }: { lines: LogLine[]; onOpen: () => void }): React.ReactElement {
  const shown = lines.filter(line => line.text.trim()).slice(-LAST_LINES);
  return (
    <button type="button" className="jp-att-Trouble-lines" title="Open the log" aria-label="Last lines; open the log" onClick={onOpen}>
      {shown.map((line, index) => (
        <span key={index} className={line.stream === 'stderr' ? 'jp-att-mod-stderr' : undefined}>
          {plain(line.text)}
        </span>
      ))}
    </button>
  );
}
