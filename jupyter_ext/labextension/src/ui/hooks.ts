/** React hooks over signals and time. */

import type { ISignal } from '@lumino/signaling';
import * as React from 'react';

/** Draw again whenever the signal is emitted; several emissions before the next frame count as one. */
export function useSignal<S, A>(signal: ISignal<S, A>): void {
  const [, draw] = React.useReducer((n: number) => n + 1, 0);
  React.useEffect(() => {
    let frame = 0;
    const changed = () => {
      frame ||= window.setTimeout(() => {
        frame = 0;
        draw();
      });
    };
    signal.connect(changed);
    draw(); // what was emitted between drawing and connecting
    return () => {
      signal.disconnect(changed);
      window.clearTimeout(frame);
    };
  }, [signal]);
}

/** Return the time, and draw again every so many milliseconds; null stops that. */
export function useNow(milliseconds: number | null): number {
  const [, tick] = React.useState(0);
  React.useEffect(() => {
    if (milliseconds === null) {
      return;
    }
    const timer = window.setInterval(() => tick(Date.now()), milliseconds);
    return () => window.clearInterval(timer);
  }, [milliseconds]);
  return Date.now();
}
