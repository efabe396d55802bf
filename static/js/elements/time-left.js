// <time-left datetime>: "3 h 12 min left", kept current; it says so when the time is over.

import { eachSecond, serverNow } from "../clock.js";

const NARROW = "\u202f";

/** Two units are enough to see it move: 2 d 3 h, 3 h 12 min, 4 min 10 s. */
function left(seconds) {
  const whole = Math.floor(seconds);
  const [big, small, one, other] =
    whole >= 86400 ? [86400, 3600, "d", "h"] : whole >= 3600 ? [3600, 60, "h", "min"] : [60, 1, "min", "s"];
  const parts = [`${Math.floor(whole / big)}${NARROW}${one}`];
  parts.push(`${Math.floor((whole % big) / small)}${NARROW}${other}`);
  return whole < 60 ? `${whole}${NARROW}s left` : `${parts.join(" ")} left`;
}

class TimeLeft extends HTMLElement {
  connectedCallback() {
    this.until = Date.parse(this.getAttribute("datetime"));
    this.show();
    this.end = eachSecond(() => this.show());
  }

  disconnectedCallback() {
    this.end?.();
  }

  show() {
    const seconds = (this.until - serverNow()) / 1000;
    const text = seconds <= 0 ? "over" : left(seconds);
    this.classList.toggle("down", seconds <= 0);
    this.classList.toggle("warn", seconds > 0 && seconds < 3600);
    if (this.textContent !== text) this.textContent = text;
  }
}

customElements.define("time-left", TimeLeft);
