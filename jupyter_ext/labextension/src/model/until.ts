/** Waiting for something to become true. */

import type { ISignal } from '@lumino/signaling';

/** Resolve when `reached` becomes true; it is looked at after each emission. Rejects after so many milliseconds. */
export async function until<S, A>(signal: ISignal<S, A>, reached: () => boolean, milliseconds: number): Promise<void> {
  if (reached()) {
    return;
  }
  let look: () => void = () => undefined;
  let timer = 0;
  try {
    await new Promise<void>((resolve, reject) => {
      look = () => (reached() ? resolve() : undefined);
      timer = window.setTimeout(() => reject(new Error('It took too long.')), milliseconds);
      signal.connect(look);
    });
  } finally {
    window.clearTimeout(timer);
    signal.disconnect(look);
  }
}
