// The server's clock as the page knows it: ages must not depend on the visitor's own clock.

const skewMs = Date.parse(document.body.dataset.now) - Date.now();

/** Milliseconds since the epoch, by the server's clock. */
export function serverNow() {
  return Date.now() + skewMs;
}

/** Seconds as people say them: 4 s, 12 min, 3 h, 2 d. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (whole >= size) return `${Math.floor(whole / size)}\u202f${unit}`;
  }
  return `${whole}\u202fs`;
}

const everySecond = new Set();
setInterval(() => everySecond.forEach((callback) => callback()), 1000);

/** Call back each second until the returned function is called. */
export function eachSecond(callback) {
  everySecond.add(callback);
  return () => everySecond.delete(callback);
}
