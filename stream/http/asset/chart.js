// Lines over the last 15 minutes.
import { html, useEffect, useRef } from "./view.js";

let drawn; // the library, loaded once something is drawn
function library() {
  drawn = drawn || new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("vendor/uPlot.js", import.meta.url).href;
    script.onload = () => resolve(window.uPlot);
    script.onerror = () => reject(new Error("the chart library did not load"));
    document.head.append(script);
  });
  return drawn;
}

const colour = name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const faded = (name, share) => `color-mix(in srgb, ${colour(name)} ${share}%, transparent)`;
const HEIGHT = 132, LEAST_S = 180, DASH = { dashed: [6, 4], dotted: [2, 3] };

function options(width, lines, shown, least) {
  const axis = { stroke: colour("faint"), grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  return {
    width, height: HEIGHT, padding: [8, 4, 0, 0], legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    scales: { x: { time: true, range: (plot, low, high) => [Math.min(low, high - LEAST_S), high] }, y: { range: (plot, low, high) => [0, Math.max((high || 0) * 1.12, least)] } },
    axes: [
      { ...axis, space: 60, size: 24, incrs: [60, 120, 180, 300, 600, 900], values: (plot, ticks) => ticks.map(t => new Date(t * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })) },
      { ...axis, space: 32, size: 46, values: (plot, ticks) => ticks.map(shown) },
    ],
    series: [{}, ...lines.map(line => ({
      label: line.label, stroke: colour(line.colour), width: line.dash ? 1.6 : 2, dash: DASH[line.dash], points: { show: false }, spanGaps: true,
      fill: line.filled ? faded(line.colour, 14) : undefined,
    }))],
  };
}

/** A chart.  `lines`: [{ label, colour, dash, filled, values }]; `shown` makes words of a value; `told` says it in a sentence,
 *  `least` is the height of the scale where values are small. */
export function Chart({ t, lines, shown, told, point, least = 1 }) {
  const place = useRef(null), plot = useRef(null);
  const data = () => [t.map(one => one / 1000), ...lines.map(line => line.values)];
  const latest = useRef(data);
  latest.current = data;
  useEffect(() => {
    let gone = false, watch;
    const theme = window.matchMedia("(prefers-color-scheme: dark)");
    const make = uPlot => {
      if (plot.current) plot.current.destroy();
      if (gone || !place.current) return;
      const made = options(place.current.clientWidth || 300, lines, shown, least);
      if (point) made.hooks = { setCursor: [one => point(one.cursor.idx)] };
      plot.current = new uPlot(made, latest.current(), place.current);
    };
    const again = () => library().then(make);
    library().then(uPlot => {
      make(uPlot);
      watch = new ResizeObserver(([one]) => { if (plot.current && one.contentRect.width) plot.current.setSize({ width: one.contentRect.width, height: HEIGHT }); });
      if (place.current) watch.observe(place.current);
    });
    theme.addEventListener("change", again);
    window.addEventListener("riverwalk-theme", again);
    return () => {
      gone = true;
      theme.removeEventListener("change", again);
      window.removeEventListener("riverwalk-theme", again);
      if (watch) watch.disconnect();
      if (plot.current) plot.current.destroy();
      plot.current = null;
    };
  }, []);
  useEffect(() => { if (plot.current) plot.current.setData(latest.current()); });
  return html`<div class="chart" ref=${place} role="img" aria-label=${told}></div>`;
}
