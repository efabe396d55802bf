// <live-socket>: shows whether the event stream is connected.

import { onState } from "../live.js";

const WORDS = { connecting: "connecting", live: "live", lost: "reconnecting" };

class LiveSocket extends HTMLElement {
  connectedCallback() {
    this.end = onState((state) => {
      this.setAttribute("state", state);
      const text = this.querySelector("[data-text]");
      if (text) text.textContent = WORDS[state];
    });
  }

  disconnectedCallback() {
    this.end?.();
  }
}

customElements.define("live-socket", LiveSocket);
