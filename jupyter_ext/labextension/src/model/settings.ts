/** The settings of the panel, as JupyterLab keeps them. */

import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ISignal, Signal } from '@lumino/signaling';

export const PLUGIN = 'jupyter-att:plugin';

/** What a click on start waits for. */
export type Wait = 'none' | 'running' | 'healthy';

/** The settings with their defaults; a server without settings keeps these. */
export class Settings {
  statusBar = true;
  logLines = 10_000;
  wait: Wait = 'healthy';
  waitSeconds = 60;

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Read what the user sets, and follow it; until then, and without settings, the defaults hold. */
  load(registry: ISettingRegistry | null): void {
    this._ready = Promise.resolve(registry?.load(PLUGIN))
      .then(found => found && this._follow(found))
      .catch(error => console.warn(`ATT's settings could not be read: ${error}`));
  }

  /** Resolves when what the user sets is known. */
  get ready(): Promise<void> {
    return this._ready;
  }

  private _follow(settings: ISettingRegistry.ISettings): void {
    const read = () => {
      const { composite } = settings;
      this.statusBar = composite['statusBar'] as boolean;
      this.logLines = composite['logLines'] as number;
      this.wait = composite['wait'] as Wait;
      this.waitSeconds = composite['waitSeconds'] as number;
      this._changed.emit();
    };
    settings.changed.connect(read);
    read();
  }

  private _ready: Promise<void> = Promise.resolve();
  private readonly _changed = new Signal<this, void>(this);
}
