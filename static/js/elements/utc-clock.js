// <utc-clock>: the server's time, hours to seconds.

import { eachSecond, serverNow } from "../clock.js";

class UtcClock extends HTMLElement {
  connectedCallback() {
    this.end = eachSecond(() => {
      this.textContent = new Date(serverNow()).toISOString().slice(11, 19);
    });
  }

  disconnectedCallback() {
    this.end?.();
  }
}

customElements.define("utc-clock", UtcClock);
