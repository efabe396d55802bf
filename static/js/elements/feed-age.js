// <feed-age age-s symbols stale-after-s>: age of the oldest price of the symbols (comma-separated).

import { duration, eachSecond } from "../clock.js";
import { onTick } from "../live.js";

class FeedAge extends HTMLElement {
  connectedCallback() {
    const given = this.getAttribute("age-s");
    const symbols = (this.getAttribute("symbols") ?? "").split(",").filter(Boolean);
    this.staleAfter = Number(this.getAttribute("stale-after-s") ?? 15);
    // Until a symbol is heard, the age that the page came with is the best we know of it.
    const before = given ? performance.now() - Number(given) * 1000 : null;
    this.heardAt = new Map(symbols.map((symbol) => [symbol, before]));
    this.ends = symbols.map((symbol) => onTick(symbol, (tick) => this.hear(symbol, tick)));
    this.ends.push(eachSecond(() => this.show()));
  }

  disconnectedCallback() {
    this.ends?.forEach((end) => end());
  }

  hear(symbol, tick) {
    // The first message after a subscription is the last known price, not a new one.
    if (tick.bar) this.heardAt.set(symbol, performance.now());
  }

  show() {
    const heard = [...this.heardAt.values()];
    if (!heard.length || heard.includes(null)) return;
    const age = (performance.now() - Math.min(...heard)) / 1000;
    this.textContent = duration(age);
    this.classList.toggle("stale", age > this.staleAfter);
  }
}

customElements.define("feed-age", FeedAge);
