/** The form for a new project. */

import { Dialog, ReactWidget } from '@jupyterlab/apputils';
import * as React from 'react';

import type { Template } from '../api/types';
import { Banner, Progress } from '../ui/parts';

/** What a project's id may be; a test holds it equal to the server's rule. */
export const ID_PATTERN = '[a-z0-9][a-z0-9_\\-]{0,62}';
const ID_RULE = "At most 63 of a-z, 0-9, '-' and '_'; the first is a letter or digit.";
const NO_ID = 'A project needs a name.';
const FOLDER = '';

export interface IAnswer {
  id: string;
  path: string;
  template: string;
}

interface IState {
  busy?: boolean;
  problem?: string;
}

/** Keeps what is typed, and says what is wrong with it. */
export class Form extends ReactWidget implements Dialog.IBodyWidget<IAnswer> {
  constructor(private readonly _templates: Template[]) {
    super();
    this._answer.template = _templates.find(({ name }) => name === 'service')?.name ?? FOLDER;
    this.addClass('jp-att-Form');
  }

  getValue(): IAnswer {
    return { ...this._answer };
  }

  /** Whether it can be sent; otherwise the field that is wrong says so, and is gone to. */
  ready(): boolean {
    this._asked = true;
    this.tell({ busy: this._state.busy ?? false });
    const wrong = this.node.querySelector<HTMLInputElement>(':invalid');
    wrong?.focus();
    return !wrong && !this._state.busy;
  }

  /** Show that the project is being made, or why it could not be made. */
  tell(state: IState): void {
    this._state = state;
    this.update();
  }

  protected render(): React.ReactElement {
    const { _answer: answer } = this;
    const { busy, problem } = this._state;
    return (
      <>
        <Name answer={answer} asked={this._asked} />
        <label>
          Folder on the server
          <input
            className="jp-att-Input"
            placeholder="~/<name>"
            defaultValue=""
            onChange={event => (answer.path = event.target.value.trim())}
          />
        </label>
        <label>
          Made from
          <select
            className="jp-att-Input"
            defaultValue={answer.template}
            onChange={event => (answer.template = event.target.value)}
          >
            {this._templates.map(({ name, title, heavy }) => (
              <option key={name} value={name}>
                {`${title}${heavy ? ' (installs much)' : ''}`}
              </option>
            ))}
            <option value={FOLDER}>the folder as it is</option>
          </select>
        </label>
        {busy && <Progress share={null} label="Making the project" />}
        {problem && (
          <Banner tone="bad" mark="bad" urgent>
            {problem}
          </Banner>
        )}
      </>
    );
  }

  private _state: IState = {};
  private _asked = false;
  private readonly _answer: IAnswer = { id: '', path: '', template: FOLDER };
}

/** The name with its rule, which becomes an error once it is broken. */
function Name({ answer, asked }: { answer: IAnswer; asked: boolean }): React.ReactElement {
  const [id, setId] = React.useState(answer.id);
  const missing = asked && id === '';
  const wrong = missing || (id !== '' && !new RegExp(`^(?:${ID_PATTERN})$`).test(id));
  return (
    <div>
      <label>
        Name
        <input
          className="jp-att-Input"
          placeholder="demo"
          required
          pattern={ID_PATTERN}
          value={id}
          aria-describedby="jp-att-id-rule"
          aria-invalid={wrong}
          onChange={event => {
            answer.id = event.target.value;
            setId(answer.id);
          }}
        />
      </label>
      <p id="jp-att-id-rule" className={`jp-att-Form-rule${wrong ? ' jp-att-mod-wrong' : ''}`} aria-live="polite">
        {missing ? `${NO_ID} ` : ''}
        {ID_RULE}
      </p>
    </div>
  );
}
