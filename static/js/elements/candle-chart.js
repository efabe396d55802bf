// <candle-chart src symbol timeframe timeframe-ms places markers-src bot replay
//   from-ms to-ms overview-ms at still>
// Candles with volume, stored indicators, markers of fills and findings. Reads older candles when one scrolls
// to them, follows the live price, reads again what closed. Check boxes with data-indicator
// inside the element that `controls` names switch the indicators.
//
// `from-ms` and `to-ms` are a stretch that it stays inside of, `still` means that nothing new
// comes. With `overview-ms` it begins with the whole stretch in candles of that length, and takes
// the candles themselves as soon as one looks close enough. `at` is a moment to begin at.

import { color, fact, look, onTheme, readJson } from "../charts.js";
import { compact, fixed, signedPercent } from "../format.js";
import { Indicators } from "../indicators.js";
import { onEvent, onTick } from "../live.js";

const FIRST_LOAD = 1500;
const OLDER_LOAD = 3000;
const CLOSE_UP = 2000; // candles of which each still has half a pixel
const NEAR_EDGE = 60;
const AROUND = 700; // candles on either side of a moment that one jumps to
const REFRESH_MS = 1500;
const MOST_LABELS = 40; // more marks than that are dots without words

const toBar = ([ms, open, high, low, close]) => ({ time: ms / 1000, open, high, low, close });

class CandleChart extends HTMLElement {
  connectedCallback() {
    this.rows = [];
    this.fills = [];
    this.marks = [];
    this.ends = [];
    this.places = Number(this.getAttribute("places") ?? 2);
    this.ownS = Number(this.getAttribute("timeframe-ms")) / 1000;
    this.wideS = Number(this.getAttribute("overview-ms")) / 1000 || this.ownS;
    this.frameS = this.wideS;
    this.build();
    this.load();
  }

  disconnectedCallback() {
    this.ends.forEach((end) => end());
    this.chart?.remove();
    this.replaceChildren();
  }

  build() {
    const { createChart, createSeriesMarkers, CandlestickSeries, HistogramSeries } =
      window.LightweightCharts;
    this.canvas = this.part("chart__canvas");
    this.legend = this.part("chart__legend");
    this.message = this.part("chart__message");
    this.message.textContent = "Loading candles…";
    this.chart = createChart(this.canvas, look());
    // A stretch is shown as a whole, also on a phone.
    if (this.hasAttribute("still")) this.chart.applyOptions({ timeScale: { minBarSpacing: 0.05 } });
    this.candles = this.chart.addSeries(CandlestickSeries, {
      borderVisible: false,
      priceFormat: { type: "price", precision: this.places, minMove: 10 ** -this.places },
    });
    this.volume = this.chart.addSeries(HistogramSeries, {
      priceScaleId: "volume",
      priceFormat: { type: "volume" },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    this.candles.priceScale().applyOptions({ scaleMargins: { top: 0.1, bottom: 0.18 } });
    this.markers = createSeriesMarkers(this.candles, []);
    this.indicators = new Indicators(this.chart, this.places);
    this.paint();
  }

  part(name) {
    const part = document.createElement("div");
    part.className = name;
    this.append(part);
    return part;
  }

  async load() {
    try {
      await this.readAll();
    } catch (error) {
      this.message.textContent = error.message;
      return;
    }
    await this.watchControls();
    this.follow();
    const at = Number(this.getAttribute("at"));
    if (at) await this.show(at);
  }

  /** Whether candles are merged, so that the whole stretch is on the chart. */
  get merged() {
    return this.frameS !== this.ownS;
  }

  async readAll() {
    this.frameS = this.wideS;
    this.rows = (await this.read(this.merged ? {} : { limit: FIRST_LOAD })).candles;
    this.message.textContent = this.rows.length
      ? ""
      : "No candles are stored here yet. A download of history brings them.";
    this.leave();
    this.draw();
    this.showEnd();
    this.describe();
    await Promise.all([this.readMarkers(), this.indicators.read(this.span)]);
  }

  read(params) {
    const query = new URLSearchParams(this.inside(params));
    if (this.merged) query.set("merge", this.frameS * 1000);
    return readJson(`${this.getAttribute("src")}&${query}`);
  }

  inside(params) {
    const [from, to] = [this.getAttribute("from-ms"), this.getAttribute("to-ms")];
    const asked = { ...params };
    if (from) asked.from = Math.max(params.from ?? 0, Number(from));
    if (to) asked.to = Math.min(params.to ?? Infinity, Number(to));
    return asked;
  }

  draw() {
    this.candles.setData(this.rows.map(toBar));
    this.volume.setData(this.rows.map((row) => this.volumeBar(row)));
  }

  volumeBar([ms, open, , , close, volume]) {
    return { time: ms / 1000, value: volume, color: close >= open ? this.upSoft : this.downSoft };
  }

  showEnd() {
    if (this.hasAttribute("still")) {
      this.chart.timeScale().fitContent();
      return;
    }
    const width = this.hasAttribute("replay") ? 3 : 7;
    const shown = Math.min(this.rows.length, Math.floor(this.clientWidth / width));
    this.chart.timeScale().setVisibleLogicalRange({
      from: this.rows.length - shown,
      to: this.rows.length + 4,
    });
  }

  follow() {
    this.chart.subscribeCrosshairMove((param) => this.describe(param));
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (this.merged) this.sharpen(range);
      else this.readOlder(range);
    });
    this.ends.push(onTheme(() => this.paint()));
    const jump = (event) => this.jump(event.target.closest?.("[data-chart-at]"), event);
    document.addEventListener("click", jump);
    this.ends.push(() => document.removeEventListener("click", jump));
    if (this.hasAttribute("still")) return;
    const bot = this.getAttribute("bot");
    if (bot) {
      this.ends.push(onEvent("order.changed", (event) => event.bot_id === Number(bot) && this.soon()));
    }
    if (this.hasAttribute("replay")) {
      this.ends.push(onEvent("decision.made", (event) => event.bot_id === Number(bot) && this.soon()));
      return;
    }
    this.ends.push(onTick(this.getAttribute("symbol"), (tick) => tick.bar && this.grow(tick.bar)));
    this.ends.push(onEvent("candle.closed", (event) => this.isMine(event) && this.soon()));
    const resync = () => this.soon();
    document.body.addEventListener("live:resync", resync);
    this.ends.push(() => document.body.removeEventListener("live:resync", resync));
  }

  isMine(event) {
    const mine = `${event.exchange}:${event.symbol}` === this.getAttribute("symbol");
    return mine && event.timeframe === this.getAttribute("timeframe");
  }

  // The forming one-minute candle grows the candle of this timeframe that holds it.
  grow(bar) {
    const last = this.rows.at(-1);
    if (!last || this.away) return;
    const ms = Math.floor(bar.time / this.frameS) * this.frameS * 1000;
    if (ms < last[0]) return;
    if (ms === last[0]) {
      last[2] = Math.max(last[2], bar.high);
      last[3] = Math.min(last[3], bar.low);
      last[4] = bar.close;
      if (this.frameS === 60) last[5] = bar.volume;
    } else {
      this.rows.push([ms, bar.open, bar.high, bar.low, bar.close, bar.volume]);
    }
    this.candles.update(toBar(this.rows.at(-1)));
    this.volume.update(this.volumeBar(this.rows.at(-1)));
    if (!this.hovering) this.describe();
  }

  // Closed candles, their indicators and new fills; a burst of events is one read.
  soon() {
    if (this.waiting || this.away) return;
    this.waiting = setTimeout(async () => {
      this.waiting = null;
      if (!this.isConnected) return;
      await this.readNewest().catch(() => {});
    }, REFRESH_MS);
  }

  async readNewest() {
    const last = this.rows.at(-1)?.[0];
    if (last === undefined) {
      await this.readAll();
      return;
    }
    const from = last - 2 * this.frameS * 1000;
    const { candles } = await this.read({ from });
    // A replay may be further than one answer reaches: what is between is read by scrolling.
    if (candles[0]?.[0] > last) {
      this.rows = candles;
      this.draw();
    }
    const known = new Map(this.rows.map((row, index) => [row[0], index]));
    for (const row of candles) {
      const index = known.get(row[0]);
      const newest = this.rows.at(-1)?.[0] ?? 0;
      if (index === undefined && row[0] < newest) continue;
      if (index === undefined) this.rows.push(row);
      else this.rows[index] = row;
      this.candles.update(toBar(row), row[0] < newest);
      this.volume.update(this.volumeBar(row), row[0] < newest);
    }
    await Promise.all([this.readMarkers(), this.indicators.read(this.span)]);
    this.describe();
  }

  // To a moment that a table names; what is on the chart then stands still until one comes back.
  // A link to another symbol's chart is followed instead.
  async jump(button, event) {
    if (!button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const symbol = button.dataset.chartSymbol;
    if (symbol && symbol !== this.getAttribute("symbol")) return;
    event.preventDefault();
    this.scrollIntoView({ block: "center", behavior: "smooth" });
    await this.show(Number(button.dataset.chartAt));
  }

  async show(at, half = Math.floor(this.clientWidth / 14)) {
    const frame = this.ownS * 1000;
    const ms = Math.floor(at / frame) * frame;
    const known = this.rows.length && ms >= this.rows[0][0] && ms <= this.rows.at(-1)[0];
    if (this.merged || !known) {
      const around = Math.max(AROUND, Math.ceil(half * 1.5));
      if (!(await this.take(ms - around * frame, ms + around * frame))) return;
    }
    const index = this.rows.findIndex(([open]) => open >= ms);
    this.chart.timeScale().setVisibleLogicalRange({ from: index - half, to: index + half });
  }

  // Other candles than the newest, none of them merged; whether there were any.
  async take(from, to) {
    const frame = this.frameS;
    this.frameS = this.ownS;
    const { candles } = await this.read({ from, to });
    if (!candles.length) {
      this.frameS = frame;
      return false;
    }
    this.away = true;
    this.reachedStart = false;
    this.rows = candles;
    this.fills = [];
    this.marks = [];
    this.placeMarkers();
    this.draw();
    this.offerWayBack();
    await Promise.all([this.readMarkers(), this.indicators.read(this.span)]);
    this.describe();
    return true;
  }

  // Looked at so closely that the candles themselves fit: they take the place of merged ones.
  async sharpen(range) {
    const ratio = this.frameS / this.ownS;
    const shown = range ? range.to - range.from : Infinity;
    if (this.reading || shown * ratio > CLOSE_UP || shown > this.rows.length) return;
    this.reading = true;
    try {
      const last = this.rows.length - 1;
      const middle = Math.min(Math.max((range.from + range.to) / 2, 0), last);
      const at = this.rows[Math.floor(middle)][0] + (middle % 1) * this.frameS * 1000;
      await this.show(at, Math.round((shown * ratio) / 2));
    } finally {
      this.reading = false;
    }
  }

  offerWayBack() {
    if (this.back) return;
    this.back = document.createElement("button");
    this.back.type = "button";
    this.back.className = "button button--small chart__back";
    this.back.textContent =
      this.wideS === this.ownS ? "Back to the newest" : "Back to the whole stretch";
    this.back.addEventListener("click", () => this.readAll());
    this.append(this.back);
  }

  leave() {
    this.away = false;
    this.reachedStart = false;
    this.back?.remove();
    this.back = null;
  }

  async readOlder(range) {
    if (!range || range.from > NEAR_EDGE || this.reading || this.reachedStart) return;
    this.reading = true;
    try {
      const before = this.rows[0]?.[0];
      const { candles } = await this.read({ limit: OLDER_LOAD, to: before });
      this.reachedStart = candles.length === 0;
      if (candles.length) {
        this.rows = [...candles, ...this.rows];
        this.draw();
        await Promise.all([this.readMarkers(), this.indicators.read(this.span)]);
      }
    } finally {
      this.reading = false;
    }
  }

  async readMarkers() {
    const source = this.getAttribute("markers-src");
    if (!source || !this.rows.length) return;
    const query = new URLSearchParams({ from: this.rows[0][0] });
    if (this.merged) query.set("merge", this.frameS * 1000);
    const { fills, marks = [] } = await readJson(`${source}?${query}`);
    const end = this.rows.at(-1)[0] + this.frameS * 1000;
    this.fills = fills.filter(({ at_ms: ms }) => ms < end);
    this.marks = marks.filter(({ at_ms: ms }) => ms < end);
    this.placeMarkers();
  }

  placeMarkers() {
    const marks = this.marks.map(({ at_ms: ms, label }) => ({
      time: Math.floor(ms / 1000 / this.frameS) * this.frameS,
      position: "aboveBar",
      shape: "circle",
      color: color("--accent"),
      text: this.marks.length > MOST_LABELS ? "" : label,
      size: 0.6,
    }));
    this.markers.setMarkers([
      ...marks,
      ...this.fills.map(({ at_ms: ms, side }) => ({
        time: Math.floor(ms / 1000 / this.frameS) * this.frameS,
        position: side === "BUY" ? "belowBar" : "aboveBar",
        shape: side === "BUY" ? "arrowUp" : "arrowDown",
        color: color(side === "BUY" ? "--up" : "--down"),
        size: this.merged ? 0.5 : 1.6,
      })),
    ].sort((one, other) => one.time - other.time));
  }

  /** From the first candle's opening to after the last one's. */
  get span() {
    return this.rows.length ? { from: this.rows[0][0], to: this.rows.at(-1)[0] + 1 } : null;
  }

  async watchControls() {
    const controls = document.getElementById(this.getAttribute("controls"));
    if (!controls) return;
    const changed = async (event) => {
      await this.indicators.switch(event.target, this.span);
      this.describe();
    };
    controls.addEventListener("change", changed);
    this.ends.push(() => controls.removeEventListener("change", changed));
    for (const box of controls.querySelectorAll("[data-indicator]:checked")) {
      await this.indicators.switch(box, this.span);
    }
    this.describe();
  }

  paint() {
    this.upSoft = color("--up", 0.28);
    this.downSoft = color("--down", 0.28);
    this.chart.applyOptions(look());
    const [up, down] = [color("--up"), color("--down")];
    this.candles.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down });
    this.volume.setData(this.rows.map((row) => this.volumeBar(row)));
    this.indicators.paint();
    this.placeMarkers();
  }

  // The candle under the cursor, else the newest, in words and digits.
  describe(param) {
    this.hovering = param?.time !== undefined;
    const time = param?.time ?? (this.rows.at(-1)?.[0] ?? 0) / 1000;
    const row = this.hovering ? this.rows.find(([ms]) => ms / 1000 === time) : this.rows.at(-1);
    if (!row) {
      this.legend.replaceChildren();
      return;
    }
    const [, open, high, low, close, volume] = row;
    const change = open ? close / open - 1 : 0;
    const tone = change >= 0 ? "up" : "down";
    const facts = [["O", open], ["H", high], ["L", low], ["C", close]].map(([name, value]) =>
      fact(name, fixed(value, this.places), tone),
    );
    facts.push(fact("", signedPercent(change), tone), fact("Vol", compact(volume)));
    facts.push(...this.indicators.facts(this.hovering ? time : null));
    for (const fill of this.fills) {
      if (Math.floor(fill.at_ms / 1000 / this.frameS) * this.frameS !== time || !this.hovering) continue;
      facts.push(fact(fill.side, `${fill.qty} @ ${fill.price}`, fill.side === "BUY" ? "up" : "down"));
    }
    this.legend.replaceChildren(...facts);
  }
}

customElements.define("candle-chart", CandleChart);
