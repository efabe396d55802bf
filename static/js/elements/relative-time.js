// <relative-time datetime>: "12 s ago", kept current; the exact instant is in its title.

import { duration, eachSecond, serverNow } from "../clock.js";

class RelativeTime extends HTMLElement {
  connectedCallback() {
    this.at = Date.parse(this.getAttribute("datetime"));
    this.end = eachSecond(() => this.show());
  }

  disconnectedCallback() {
    this.end?.();
  }

  show() {
    const age = (serverNow() - this.at) / 1000;
    const text = age < 1 ? "now" : `${duration(age)} ago`;
    if (this.textContent !== text) this.textContent = text;
  }
}

customElements.define("relative-time", RelativeTime);
