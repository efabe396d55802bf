// What every chart of the console shares: colours from the tokens, one look, one reader of JSON.

const probe = document.createElement("span");
probe.hidden = true;

/** A colour token as rgb(): the library can read neither var() nor light-dark(). */
export function color(token, alpha = 1) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(${token})`;
  const [r, g, b] = getComputedStyle(probe).color.match(/[\d.]+/g);
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

/** Options of a chart in the current theme. */
export function look() {
  const line = color("--line");
  return {
    autoSize: true,
    layout: {
      attributionLogo: false, // it would inject a style element; the page names TradingView instead
      background: { type: "solid", color: color("--surface") },
      textColor: color("--text-3"),
      fontFamily: getComputedStyle(document.body).fontFamily,
      fontSize: 11,
      panes: { separatorColor: line, separatorHoverColor: color("--accent", 0.15) },
    },
    grid: { vertLines: { color: color("--line", 0.55) }, horzLines: { color: color("--line", 0.55) } },
    rightPriceScale: { borderColor: line },
    timeScale: { borderColor: line, timeVisible: true, secondsVisible: false },
    crosshair: {
      mode: 0,
      vertLine: { color: color("--text-3", 0.6), labelBackgroundColor: color("--line-strong") },
      horzLine: { color: color("--text-3", 0.6), labelBackgroundColor: color("--line-strong") },
    },
  };
}

/** Call back when the theme changes, by choice or by the system. */
export function onTheme(callback) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  document.addEventListener("theme-changed", callback);
  system.addEventListener("change", callback);
  return () => {
    document.removeEventListener("theme-changed", callback);
    system.removeEventListener("change", callback);
  };
}

/** JSON of our own server, or an Error with the server's words. */
export async function readJson(url) {
  const response = await fetch(url, { headers: { Accept: "application/json" } });
  if (response.ok) return response.json();
  const body = await response.json().catch(() => ({}));
  throw new Error(body.detail ?? `The server answered ${response.status}.`);
}

/** A name and a number of a chart's legend. */
export function fact(name, value, tone = "") {
  const part = document.createElement("span");
  const label = document.createElement("i");
  label.textContent = name;
  const number = document.createElement("span");
  number.className = tone;
  number.textContent = value;
  part.append(label, name ? " " : "", number);
  return part;
}
