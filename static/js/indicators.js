// The indicators of a candle chart: lines over the candles, or panes of their own below.

import { color, fact, readJson } from "./charts.js";
import { fixed } from "./format.js";

const LINE_COLORS = 6;
const PANE_HEIGHT = 96;

export class Indicators {
  constructor(chart, places) {
    this.chart = chart;
    this.places = places;
    this.shown = new Map();
  }

  /** Show or hide what a check box stands for; `span` is the stretch that the candles cover. */
  async switch(box, span) {
    const id = box.dataset.indicator;
    if (!id) return;
    for (const { series } of this.shown.get(id)?.lines ?? []) this.chart.removeSeries(series);
    this.shown.delete(id);
    if (!box.checked) return;
    const { src, title, pane } = box.dataset;
    const indicator = { src, title, pane, colorIndex: this.freeColor(), lines: [], values: new Map() };
    this.shown.set(id, indicator);
    await this.readOne(indicator, span);
  }

  read(span) {
    return Promise.all([...this.shown.values()].map((indicator) => this.readOne(indicator, span)));
  }

  freeColor() {
    const used = new Set([...this.shown.values()].map((indicator) => indicator.colorIndex));
    let index = 1;
    while (used.has(index) && index < LINE_COLORS) index += 1;
    return index;
  }

  async readOne(indicator, span) {
    if (!span) return;
    const { lines } = await readJson(`${indicator.src}?from=${span.from}&to=${span.to}`);
    const names = Object.keys(lines);
    if (!indicator.lines.length) this.addLines(indicator, names);
    for (const { name, series } of indicator.lines) {
      const points = lines[name].map(([ms, value]) => ({ time: ms / 1000, value }));
      indicator.values.set(name, new Map(points.map(({ time, value }) => [time, value])));
      series.setData(points);
    }
  }

  addLines(indicator, names) {
    const { HistogramSeries, LineSeries } = window.LightweightCharts;
    const isOwn = indicator.pane === "own";
    const pane = isOwn ? this.chart.panes().length : 0;
    const precision = isOwn ? 2 : this.places;
    indicator.lines = names.map((name, index) => {
      const isBars = name.startsWith("hist");
      const token = `--line-${((indicator.colorIndex - 1 + (isOwn ? index : 0)) % LINE_COLORS) + 1}`;
      const series = this.chart.addSeries(
        isBars ? HistogramSeries : LineSeries,
        {
          color: color(token, isBars ? 0.4 : 1),
          lineWidth: names.length > 1 ? 1 : 2,
          lineStyle: name === "middle" ? 2 : 0,
          lastValueVisible: isOwn && !isBars,
          priceLineVisible: false,
          crosshairMarkerVisible: false,
          priceFormat: { type: "price", precision, minMove: 10 ** -precision },
        },
        pane,
      );
      return { name, series, token, isBars };
    });
    if (isOwn) this.chart.panes()[pane]?.setHeight(PANE_HEIGHT);
  }

  paint() {
    for (const { lines } of this.shown.values()) {
      for (const { series, token, isBars } of lines) {
        series.applyOptions({ color: color(token, isBars ? 0.4 : 1) });
      }
    }
  }

  /** What the legend says of each line at a time in seconds; the newest for null. */
  facts(time) {
    return [...this.shown.values()].flatMap((indicator) =>
      indicator.lines.map(({ name, token }) => {
        const values = indicator.values.get(name);
        const value = time === null ? [...(values?.values() ?? [])].at(-1) : values?.get(time);
        const label = indicator.lines.length > 1 ? `${indicator.title} ${name}` : indicator.title;
        const part = fact(label, fixed(value, indicator.pane === "own" ? 2 : this.places));
        part.style.color = `var(${token})`;
        return part;
      }),
    );
  }
}
