// <live-price symbol places field>: one number of a symbol's ticks, kept current in place.
// field: price (default), change (a fraction, shown as per cent), volume, bid, ask or spread (bps).

import { compact, fixed, pricePlaces, signedPercent } from "../format.js";
import { onTick } from "../live.js";

const READ = {
  price: (tick) => tick.price,
  bid: (tick) => tick.bid,
  ask: (tick) => tick.ask,
  change: (tick) => tick.change_24h,
  volume: (tick) => tick.volume_24h,
  spread: ({ bid, ask }) => (bid && ask ? ((ask - bid) / (ask + bid)) * 20000 : null),
};

class LivePrice extends HTMLElement {
  connectedCallback() {
    this.field = this.getAttribute("field") ?? "price";
    this.end = onTick(this.getAttribute("symbol"), (tick) => this.show(READ[this.field](tick)));
  }

  disconnectedCallback() {
    this.end?.();
    clearTimeout(this.fade);
  }

  show(value) {
    if (value == null) return;
    const text = this.written(Number(value));
    if (this.field === "price") this.flash(Number(value), text);
    if (this.textContent !== text) this.textContent = text;
    this.last = Number(value);
  }

  written(value) {
    if (this.field === "change") {
      this.classList.toggle("up", value > 0);
      this.classList.toggle("down", value < 0);
      return signedPercent(value);
    }
    if (this.field === "volume") return compact(value);
    if (this.field === "spread") return fixed(value, 1);
    return fixed(value, Number(this.getAttribute("places") ?? pricePlaces(value)));
  }

  flash(value, text) {
    if (this.last === undefined || text === this.textContent) return;
    this.classList.remove("tick-up", "tick-down");
    this.classList.add(value >= this.last ? "tick-up" : "tick-down");
    clearTimeout(this.fade);
    this.fade = setTimeout(() => this.classList.remove("tick-up", "tick-down"), 220);
  }
}

customElements.define("live-price", LivePrice);
