// <equity-chart src bot places unit>: equity above its start, drawdown below it in a pane of its own.

import { color, fact, look, onTheme, readJson } from "../charts.js";
import { fixed, signedPercent } from "../format.js";

// Zero stays on top, and a drawdown of nothing doesn't fill the pane.
function fromZeroDown(original) {
  const lowest = original()?.priceRange.minValue ?? 0;
  return { priceRange: { minValue: Math.min(lowest, -0.002), maxValue: 0 } };
}

const READ_EVERY_MS = 15000; // a curve is long to read, and moves slowly

class EquityChart extends HTMLElement {
  connectedCallback() {
    this.points = [];
    this.ends = [];
    this.build();
    this.load();
    const bot = this.getAttribute("bot");
    this.listen(bot ? `live:portfolio.snapshot:${bot}` : "live:portfolio.snapshot", () => this.soon());
    this.listen(bot ? `live:bot.state:${bot}` : "live:bot.state", () => this.load());
    this.listen("live:resync", () => this.load());
    this.ends.push(onTheme(() => this.paint()));
  }

  disconnectedCallback() {
    this.ends.forEach((end) => end());
    this.chart?.remove();
    this.replaceChildren();
  }

  listen(name, callback) {
    document.body.addEventListener(name, callback);
    this.ends.push(() => document.body.removeEventListener(name, callback));
  }

  soon() {
    if (this.waiting) return;
    const wait = this.points.length < 60 ? 2000 : READ_EVERY_MS;
    this.waiting = setTimeout(() => {
      this.waiting = null;
      if (this.isConnected) this.load();
    }, wait);
  }

  build() {
    const { AreaSeries, BaselineSeries, createChart } = window.LightweightCharts;
    this.canvas = this.part("chart__canvas");
    this.legend = this.part("chart__legend");
    this.message = this.part("chart__message");
    this.chart = createChart(this.canvas, look());
    this.equity = this.chart.addSeries(BaselineSeries, { lineWidth: 2, priceLineVisible: false });
    this.drawdown = this.chart.addSeries(
      AreaSeries,
      {
        lineWidth: 1,
        invertFilledArea: true,
        priceLineVisible: false,
        autoscaleInfoProvider: fromZeroDown,
        priceFormat: { type: "custom", minMove: 0.0001, formatter: (value) => signedPercent(value, 1) },
      },
      1,
    );
    this.chart.subscribeCrosshairMove((param) => this.describe(param));
    this.paint();
  }

  part(name) {
    const part = document.createElement("div");
    part.className = name;
    this.append(part);
    return part;
  }

  async load() {
    if (this.reading) return;
    this.reading = true;
    try {
      const before = this.points.length;
      const { start, points } = await readJson(this.getAttribute("src"));
      this.points = points;
      this.start = start ?? points[0]?.[1] ?? 0;
      this.message.textContent = this.points.length < 2 ? "The curve begins with the first snapshots of a running bot." : "";
      this.draw();
      if (before !== this.points.length && !this.touched) this.chart.timeScale().fitContent();
      this.chart.panes()[1]?.setStretchFactor(0.32);
    } catch (error) {
      if (!this.points.length) this.message.textContent = error.message;
    } finally {
      this.reading = false;
    }
  }

  draw() {
    this.equity.applyOptions({ baseValue: { type: "price", price: this.start } });
    this.equity.setData(this.points.map(([ms, value]) => ({ time: ms / 1000, value })));
    this.drawdown.setData(this.points.map(([ms, , value]) => ({ time: ms / 1000, value: -value })));
    this.describe();
  }

  paint() {
    this.chart.applyOptions(look());
    this.chart.timeScale().applyOptions({ secondsVisible: true });
    const [up, down] = [color("--up"), color("--down")];
    this.equity.applyOptions({
      topLineColor: up,
      topFillColor1: color("--up", 0.22),
      topFillColor2: color("--up", 0.02),
      bottomLineColor: down,
      bottomFillColor1: color("--down", 0.02),
      bottomFillColor2: color("--down", 0.22),
    });
    this.drawdown.applyOptions({
      lineColor: color("--down", 0.8),
      topColor: color("--down", 0.04),
      bottomColor: color("--down", 0.28),
    });
  }

  describe(param) {
    const ms = param?.time === undefined ? null : param.time * 1000;
    const point = ms === null ? this.points.at(-1) : this.points.find(([at]) => at === ms);
    if (!point) {
      this.legend.replaceChildren();
      return;
    }
    const facts = [
      ["Equity", `${fixed(point[1], 2)} ${this.getAttribute("unit") ?? ""}`],
      ["Since start", signedPercent(this.start ? point[1] / this.start - 1 : null)],
      ["Drawdown", signedPercent(-point[2])],
    ];
    this.legend.replaceChildren(...facts.map(([name, value]) => fact(name, value)));
  }
}

customElements.define("equity-chart", EquityChart);
