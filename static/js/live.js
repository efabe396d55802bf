// The console's two streams: events (what happened) and ticks (prices). The server only pushes.
//
// An event becomes `live:<name>` on the body, which htmx listens to, at most once a second
// for each name: a replay decides hundreds of candles a second and nobody can read that fast.
// Events that name a bot are sent a second time as `live:<name>:<bot id>`.

const COALESCE_MS = 1000;
const SLOW_MS = 20000; // for what changes with candles and is long to read
const BACKOFF_MS = [500, 1000, 2000, 4000, 8000];
const SESSION_ENDED = 4401;

const eventListeners = new Map();
const tickListeners = new Map();
const stateListeners = new Set();
const due = new Map();
let eventStream = null;
let tickStream = null;

function listen(map, key, callback) {
  if (!map.has(key)) map.set(key, new Set());
  map.get(key).add(callback);
  return () => map.get(key)?.delete(callback);
}

/** Call back with the data of each event of this name. Returns a function that ends it. */
export function onEvent(name, callback) {
  return listen(eventListeners, name, callback);
}

/** Call back with each tick of a symbol, named as "simulated:BTC/USDT". */
export function onTick(symbol, callback) {
  const isNew = !tickListeners.has(symbol);
  const end = listen(tickListeners, symbol, callback);
  tickStream ??= new Stream("/ws/ticks", hearTicks, {
    opened: (stream) => stream.say({ subscribe: [...tickListeners.keys()] }),
  });
  if (isNew) tickStream.say({ subscribe: [symbol] });
  return end;
}

/** Call back with "connecting", "live" or "lost" whenever the connection changes. */
export function onState(callback) {
  stateListeners.add(callback);
  eventStream ??= new Stream("/ws/events", hearEvent, {
    // What was said while nobody listened is lost: read the state again.
    opened: (stream) => stream.reopened && announce("resync"),
    changed: (state) => stateListeners.forEach((listener) => listener(state)),
  });
  callback(eventStream.state);
  return () => stateListeners.delete(callback);
}

class Stream {
  constructor(path, hear, { opened, changed }) {
    this.url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
    this.hear = hear;
    this.opened = opened;
    this.changed = changed;
    this.failures = 0;
    this.reopened = false;
    this.setState("connecting");
    this.open();
  }

  open() {
    this.socket = new WebSocket(this.url);
    this.socket.addEventListener("open", () => {
      this.failures = 0;
      this.setState("live");
      this.opened(this);
      this.reopened = true;
    });
    this.socket.addEventListener("message", (event) => this.hear(JSON.parse(event.data)));
    this.socket.addEventListener("close", (event) => this.closed(event.code));
  }

  closed(code) {
    if (code === SESSION_ENDED && this.reopened) {
      location.reload();
      return;
    }
    this.setState("lost");
    const wait = BACKOFF_MS[Math.min(this.failures, BACKOFF_MS.length - 1)];
    this.failures += 1;
    setTimeout(() => this.open(), wait * (0.75 + Math.random() / 2));
  }

  /** Send, if there is somebody to hear it; `opened` says everything again anyway. */
  say(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  setState(state) {
    this.state = state;
    this.changed?.(state);
  }
}

function hearEvent({ event, data }) {
  eventListeners.get(event)?.forEach((callback) => callback(data));
  // The server dropped messages that we were too slow for.
  announce(event === "stream.lagged" ? "resync" : event);
  if (data.bot_id != null) announce(`${event}:${data.bot_id}`);
  if (event === "candle.closed") announce("candle.closed:slow", SLOW_MS);
  // A cycle ends each half minute; few of them change what differs.
  if (event === "reconciliation.changed" && data.incident_id != null) announce("incident.changed");
  // Progress moves its own bar; only a beginning or an end changes a list.
  if (event === "job.progress" && data.status !== "running") announce("job.changed");
}

function hearTicks({ event, data }) {
  if (event === "ticks") data.forEach(hearTick);
}

function hearTick([symbol, at_ms, price, bid, ask, change_24h, volume_24h, row]) {
  const [time, open, high, low, close, volume] = row ?? [];
  const bar = row && { time, open, high, low, close, volume };
  const tick = { symbol, at_ms, price, bid, ask, change_24h, volume_24h, bar };
  tickListeners.get(symbol)?.forEach((callback) => callback(tick));
}

// The first of a burst at once, the last of it a second later; nothing while nobody looks.
function announce(name, every = COALESCE_MS) {
  const waiting = due.get(name);
  if (waiting) {
    waiting.again = true;
    return;
  }
  const entry = { again: false };
  due.set(name, entry);
  send(name);
  setTimeout(() => {
    due.delete(name);
    if (entry.again) announce(name, every);
  }, every);
}

function send(name) {
  if (document.hidden && name !== "resync") {
    missedWhileHidden = true;
    return;
  }
  document.body.dispatchEvent(new CustomEvent(`live:${name}`));
}

let missedWhileHidden = false;
document.addEventListener("visibilitychange", () => {
  if (document.hidden || !missedWhileHidden) return;
  missedWhileHidden = false;
  announce("resync");
});
