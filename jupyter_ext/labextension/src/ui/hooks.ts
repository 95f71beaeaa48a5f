/** React hooks over signals, time, and what is in view. */

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

/** Call `enter` when the element comes into view, and what it returns when the element leaves it. */
export function useInView<E extends Element>(enter: () => () => void): React.RefObject<E> {
  const place = React.useRef<E>(null);
  React.useEffect(() => {
    let leave: (() => void) | null = null;
    const observer = new IntersectionObserver(entries => {
      const inView = entries[entries.length - 1]?.isIntersecting ?? false;
      if (inView) {
        leave ??= enter();
      } else {
        leave?.();
        leave = null;
      }
    });
    if (place.current) {
      observer.observe(place.current);
    }
    return () => {
      observer.disconnect();
      leave?.();
    };
  }, []);
  return place;
}
