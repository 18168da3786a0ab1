// The figures of the last 15 minutes and the newest events: one stream for all views.
import { hear } from "./api.js";
import { clock, titles, useEffect, useState } from "./view.js";

const KEPT_MS = 15 * 60_000, NEWEST = 30;
export const RANKERS = ["riverwalk", "blend", "own_recency", "popularity"];
const COLUMNS = ["t", "rate", "p50", "p99", "lag", ...RANKERS];

export const feed = {
  series: Object.fromEntries(COLUMNS.map(name => [name, []])),
  newest: [], now: {}, error: null, heard: new Set(), stop: null,
};

const number = value => (typeof value === "number" && Number.isFinite(value) ? value : null);

/** A message as one point of every line. */
function point(told) {
  const loaded = told.lag >= 0, fresh = told.freshness_ms || {}; // before that nothing is known
  const judged = told.live_mrr || {}, mrr = loaded && RANKERS.some(name => judged[name] > 0) ? judged : {};
  const row = { t: told.t, rate: number(told.events_per_s), lag: loaded ? told.lag : null, p50: number(fresh.p50), p99: number(fresh.p99) };
  for (const name of RANKERS) row[name] = number(mrr[name]);
  return row;
}

function put(row) {
  const last = feed.series.t.at(-1);
  if (last !== undefined && row.t <= last) return;
  for (const name of COLUMNS) feed.series[name].push(row[name]);
  const over = feed.series.t.findIndex(t => t > row.t - KEPT_MS);
  if (over > 0) for (const name of COLUMNS) feed.series[name].splice(0, over);
}

function take({ kind, data }) {
  feed.error = null;
  if (kind === "history") data.points.forEach(one => put(point(one)));
  else {
    put(point(data));
    feed.now = data;
    clock.past = data.event_clock === "stream";
    clock.t = data.stream_time_ms || 0;
  }
  flow(data.newest || []);
  feed.heard.forEach(again => again());
}

/** Put new events on top; each has a place in the log, so that it is drawn once. */
function flow(events) {
  const had = new Set(feed.newest.map(one => one.place)), fresh = events.filter(one => !had.has(one.place));
  fresh.forEach(one => titles.learn(one.item, one.title));
  if (fresh.length) feed.newest = [...fresh, ...feed.newest].sort((a, b) => b.t - a.t).slice(0, NEWEST);
}

/** Start the stream, anew after a login. */
export function start() {
  if (feed.stop) feed.stop.abort();
  feed.stop = new AbortController();
  hear("v1/stream/metrics", take, feed.stop.signal, error => { feed.error = error; feed.heard.forEach(again => again()); });
}

/** Draw again with every message. */
export function useFeed() {
  const [, again] = useState(0);
  useEffect(() => {
    const hearing = () => again(n => n + 1);
    feed.heard.add(hearing);
    return () => feed.heard.delete(hearing);
  }, []);
  return feed;
}
