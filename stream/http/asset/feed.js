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
  const mrr = told.live_mrr || told.mrr || {};
  const fresh = told.freshness_ms || {};
  const row = {
    t: number(told.t) ?? Date.now(), rate: number(told.events_per_s), lag: number(told.lag) < 0 ? null : number(told.lag),
    p50: number(told.freshness_p50_ms ?? fresh.p50), p99: number(told.freshness_p99_ms ?? fresh.p99),
  };
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
  if (kind === "history" || Array.isArray(data) || Array.isArray(data.history)) {
    (Array.isArray(data) ? data : data.history || data.points || []).forEach(one => put(point(one)));
    if (Array.isArray(data) || kind === "history") return tell();
  }
  put(point(data));
  feed.now = data;
  clock.past = data.event_clock === "stream";
  if (data.stream_time_ms) clock.t = data.stream_time_ms;
  flow(data.newest || data.events || []);
  return tell();
}

/** Put new events on top; each has a number, so that it is drawn once. */
let numbered = 0;
function flow(events) {
  if (!Array.isArray(events)) return;
  const key = one => `${one.user}\n${one.item}\n${one.type}\n${one.t}`;
  const had = new Set(feed.newest.map(key)), fresh = [];
  for (const one of [...events].sort((a, b) => b.t - a.t)) {
    if (had.has(key(one))) continue;
    had.add(key(one));
    titles.learn(one.item, one.title);
    fresh.push({ ...one, number: numbered++ });
  }
  if (fresh.length) feed.newest = [...fresh, ...feed.newest].slice(0, NEWEST);
}

const tell = () => feed.heard.forEach(again => again());

/** Start the stream, anew after a login. */
export function start() {
  if (feed.stop) feed.stop.abort();
  feed.stop = new AbortController();
  hear("v1/stream/metrics", take, feed.stop.signal, error => { feed.error = error; tell(); });
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
