/** Times and amounts as people say them. */

/** Return a duration such as `8 s`, `3 min` or `2 h 5 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds)); // clocks differ
  if (whole < 60) {
    return `${whole} s`;
  }
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) {
    return `${minutes} min`;
  }
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

/** Return how long ago something was, such as `just now` or `3 min ago`. */
export function ago(seconds: number): string {
  return seconds < 2 ? 'just now' : `${duration(seconds)} ago`;
}

/** Return the seconds since a time that the server told. */
export function since(at: string, now: number): number {
  return (now - Date.parse(at)) / 1000;
}

/** Return the time of day of a line, with milliseconds. */
export function clock(at: string): string {
  const time = new Date(at);
  const two = (part: number) => String(part).padStart(2, '0');
  const seconds = `${two(time.getSeconds())}.${String(time.getMilliseconds()).padStart(3, '0')}`;
  return `${two(time.getHours())}:${two(time.getMinutes())}:${seconds}`;
}

/** Return a time as this browser's clock has it, such as `2026-11-28 20:51:00`, as the views in notebooks write it. */
export function local(at: string): string {
  const time = new Date(at);
  const [month, day] = [time.getMonth() + 1, time.getDate()].map(part => String(part).padStart(2, '0'));
  return `${time.getFullYear()}-${month}-${day} ${clock(at).slice(0, 8)}`;
}

/** Return a number with its noun, such as `1 test` or `2 tests`. */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}
