/** A failure with its traceback, which opens and closes. */

import * as React from 'react';

import type { TestFailure } from '../api/types';
import { plain } from '../log/ansi';
import { MarkIcon } from '../ui/parts';

/** One failing test. */
export function Failure({ failure, open }: { failure: TestFailure; open: boolean }): React.ReactElement {
  const { nodeid, subtest, exception_type, message, path, line, phase, sections } = failure;
  const [file, ...names] = nodeid.split('::');
  const place = path && file && path.endsWith(`/${file}`) ? file : (path ?? file);
  const where = `${place}${line ? `:${line}` : ''}`;
  return (
    <details className="jp-att-Failure" data-nodeid={nodeid} open={open}>
      <summary>
        <MarkIcon mark="bad" tone="bad" />
        <span className="jp-att-Failure-name">{names.join('::') || file}</span>
        {subtest && <span className="jp-att-Failure-subtest">[{subtest}]</span>}
        {phase !== 'call' && <span className="jp-att-Failure-phase">in {phase}</span>}
        <span className="jp-att-Failure-where">{where}</span>
        <span className="jp-att-Failure-message">
          {exception_type && <b>{exception_type}</b>} {firstLine(message)}
        </span>
      </summary>
      <Traceback text={failure.longrepr} />
      {sections.map((section, index) => (
        <details key={index} className="jp-att-Failure-section">
          <summary>{section.title}</summary>
          <pre>{section.text.split('\n').map(plain).join('\n')}</pre>
        </details>
      ))}
    </details>
  );
}

/** What pytest shows; the lines of the error and of the place stand out, as in a terminal. */
function Traceback({ text }: { text: string }): React.ReactElement {
  return (
    <pre className="jp-att-Traceback" tabIndex={0}>
      {text.split('\n').map((line, index) => {
        const shown = plain(line);
        return (
          <span key={index} className={kind(shown)}>
            {shown + '\n'}
          </span>
        );
      })}
    </pre>
  );
}

function kind(line: string): string | undefined {
  if (/^E(\s|$)/.test(line)) {
    return 'jp-att-mod-error';
  }
  if (line.startsWith('>')) {
    return 'jp-att-mod-here';
  }
  return /^\S+:\d+: /.test(line) ? 'jp-att-mod-place' : undefined;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
