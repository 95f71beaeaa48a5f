/** Small pieces that several views are made of. */

import type { LabIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Mark, Tone } from '../model/face';
import { marks } from './icons';

/** The icon of a state. */
export function MarkIcon({ mark, tone }: { mark: Mark; tone: Tone }): React.ReactElement {
  const Icon = marks[mark].react;
  return <Icon tag="span" className={`jp-att-Mark jp-att-tone-${tone} jp-att-mark-${mark}`} aria-hidden="true" />;
}

/** A state as icon and word. */
export function Chip({ mark, tone, word }: { mark: Mark; tone: Tone; word: string }): React.ReactElement {
  return (
    <span className={`jp-att-Chip jp-att-tone-${tone}`}>
      <MarkIcon mark={mark} tone={tone} />
      {word}
    </span>
  );
}

interface IButton {
  label: string;
  icon?: LabIcon;
  /** Shown beside the icon; without it the label is the tooltip and what a screen reader says. */
  text?: string;
  /** For a screen reader, where the label alone is not enough. */
  about?: string;
  primary?: boolean;
  pressed?: boolean;
  /** It can be focused still: one that is busy after a click keeps the focus. */
  disabled?: boolean;
  /** Pressing it does not end the selection in the page. */
  keepsSelection?: boolean;
  onClick: (event: React.MouseEvent) => void;
}

/** Let a key that is held down press once: the button may do something else by now. */
function once(event: React.KeyboardEvent): void {
  if (event.repeat && event.key === 'Enter') {
    event.preventDefault();
  }
}

/** A button of a card or toolbar. */
export function Button(props: IButton): React.ReactElement {
  const { label, icon, text, about, primary, pressed, disabled, keepsSelection, onClick } = props;
  const Icon = icon?.react;
  return (
    <button
      type="button"
      className={`jp-att-Button${primary ? ' jp-att-mod-primary' : ''}${text ? '' : ' jp-att-mod-icon'}`}
      title={label}
      aria-label={about ? `${label} ${about}` : label}
      aria-pressed={pressed}
      aria-disabled={disabled || undefined}
      onMouseDown={keepsSelection ? event => event.preventDefault() : undefined}
      onKeyDown={once}
      onClick={disabled ? undefined : onClick}
    >
      {Icon && <Icon tag="span" className="jp-att-Button-icon" aria-hidden="true" />}
      {text && <span>{text}</span>}
    </button>
  );
}

/** A message across a view. */
export function Banner(props: {
  tone: Tone;
  mark: Mark;
  children: React.ReactNode;
  urgent?: boolean;
}): React.ReactElement {
  return (
    <div className={`jp-att-Banner jp-att-tone-${props.tone}`} role={props.urgent ? 'alert' : 'status'}>
      <MarkIcon mark={props.mark} tone={props.tone} />
      <div>{props.children}</div>
    </div>
  );
}

/** A bar that fills; without a share it moves. */
export function Progress(props: { share: number | null; label: string; tone?: Tone }): React.ReactElement {
  const { share, label, tone } = props;
  const percent = share === null ? undefined : Math.round(share * 100);
  return (
    <div
      className={`jp-att-Progress jp-att-tone-${tone ?? 'busy'}${share === null ? ' jp-att-mod-unknown' : ''}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
    >
      <div style={percent === undefined ? undefined : { width: `${percent}%` }} />
    </div>
  );
}
