// Requests to this host, with the password where one is wanted; streams of events; nothing else goes out.
import { setup, titles } from "./view.js";

export class Failure extends Error {
  constructor(message, status) { super(message); this.status = status; }
}

const PLACE = "riverwalk.login";
export const login = {
  heard: new Set(),
  get header() { const held = sessionStorage.getItem(PLACE); return held ? { Authorization: "Basic " + held } : {}; },
  get given() { return sessionStorage.getItem(PLACE) !== null; },
  give(user, password) {
    sessionStorage.setItem(PLACE, btoa(String.fromCharCode(...new TextEncoder().encode(`${user}:${password}`))));
    this.heard.forEach(hear => hear());
  },
  drop() { sessionStorage.removeItem(PLACE); this.heard.forEach(hear => hear()); },
};
// Where a password is wanted the page asks for it itself: without credentials no browser opens a dialog of its own.
const credentials = setup.locked ? "omit" : "same-origin";

async function reach(path, { signal, method = "GET", body, accept = "application/json" } = {}) {
  const kind = body === undefined ? {} : { "Content-Type": "application/json" };
  let reply;
  try {
    reply = await fetch(path, { method, body, signal, credentials, cache: "no-store", headers: { Accept: accept, ...kind, ...login.header } });
  } catch (error) {
    if (signal && signal.aborted) throw error;
    throw new Failure("Riverwalk does not answer here; is it running?", 0);
  }
  if (reply.status === 401) login.heard.forEach(hear => hear(true));
  return reply;
}

/** The answer to a request as JSON; what went wrong as a Failure in the server's words. */
export async function ask(path, options) {
  const reply = await reach(path, options);
  const text = await reply.text();
  let told;
  try { told = text ? JSON.parse(text) : {}; } catch { throw new Failure(`${path}: no JSON came, status ${reply.status}`, reply.status); }
  if (!reply.ok) throw new Failure(told.detail || told.error || told.title || `status ${reply.status}`, reply.status);
  return told;
}

export const ready = signal => ask("v1/health", { signal });

/** The figures of /metrics: name → [{labels, value}]. */
export async function metrics(signal) {
  const reply = await reach("metrics", { signal, accept: "text/plain" });
  if (!reply.ok) throw new Failure(`metrics: status ${reply.status}`, reply.status);
  const found = {};
  for (const line of (await reply.text()).split("\n")) {
    const part = /^([a-z_0-9]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!part) continue;
    const labels = {};
    for (const [, name, value] of (part[2] || "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[name] = value.replace(/\\(.)/g, "$1");
    (found[part[1]] = found[part[1]] || []).push({ labels, value: Number(part[3]) });
  }
  return found;
}

const id = encodeURIComponent;
/** A query string of what is set. */
export const query = options => {
  const words = Object.entries(options).filter(([, value]) => value !== undefined && value !== null && value !== "" && value !== false);
  return words.length ? "?" + words.map(([name, value]) => `${name}=${id(value)}`).join("&") : "";
};

function learned(answer) {
  for (const rows of [answer.items, answer.edges]) if (Array.isArray(rows)) rows.forEach(row => titles.learn(row.item, row.title));
  return answer;
}
const listed = (path, signal) => ask(path, { signal }).then(learned);

export const api = {
  info: signal => ask("v1/info", { signal }),
  settings: signal => ask("v1/settings", { signal }),
  recommend: (user, options = {}, signal) => listed(`v1/recommend/${id(user)}${query({ k: 12, titles: true, ...options })}`, signal),
  similar: (item, options = {}, signal) => listed(`v1/similar/${id(item)}${query({ k: 10, titles: true, ...options })}`, signal),
  trending: (options = {}, signal) => listed(`v1/trending${query({ k: 8, titles: true, ...options })}`, signal),
  history: (user, n, signal) => listed(`v1/history/${id(user)}${query({ k: n })}`, signal),
  graph: (item, n, signal) => listed(`v1/graph/${id(item)}${query({ k: n })}`, signal),
  user: (user, signal) => ask(`v1/user/${id(user)}`, { signal }),
  /** What the items topic says of an item; where it says nothing of any, it is not asked. */
  async item(item, signal) {
    const info = await ask("v1/info", { signal });
    if (!Object.keys(info).some(name => name.startsWith("described_"))) throw new Failure("no item is described here", 404);
    return ask(`v1/item/${id(item)}`, { signal });
  },
  explain: (user, item, signal) => ask(`v1/explain/${id(user)}/${id(item)}`, { signal }),
  find: (text, n, signal) => listed(`v1/find/${id(text)}${query({ k: n })}`, signal),
  busiest: (n, signal) => ask(`v1/busiest${query({ k: n })}`, { signal }),
  /** Send an event; its place in the log, as `after` takes it. */
  async event(user, item, type) {
    const told = await ask("v1/events", { method: "POST", body: JSON.stringify({ user, item, type }) });
    return place(told);
  },
};
titles.asked = item => api.item(item).then(told => String((told.fields || {}).title || ""), () => "");

function place(told) {
  const one = (told.places || told.events || [told])[0];
  const found = typeof one === "string" ? one : one && (one.place || one.position || (one.partition !== undefined ? `${one.partition}:${one.offset}` : ""));
  if (!found) throw new Failure("the event was taken, but its place was not told", 0);
  return found;
}

const LATER_MS = [500, 1000, 2000, 5000, 10_000];
/** Hear the messages of a stream until `signal` is aborted, connecting again when it ends; a hidden page hears none. */
export async function hear(path, take, signal, fail) {
  let tries = 0;
  while (!signal.aborted) {
    if (document.hidden) await shown(signal);
    const part = new AbortController(), end = () => part.abort(), hide = () => { if (document.hidden) part.abort(); };
    signal.addEventListener("abort", end);
    document.addEventListener("visibilitychange", hide);
    try {
      const reply = await reach(path, { signal: part.signal, accept: "text/event-stream" });
      if (!reply.ok) throw new Failure(`${path}: status ${reply.status}`, reply.status);
      for await (const message of messages(reply.body)) { tries = 0; take(message); }
    } catch (error) {
      if (!part.signal.aborted && fail) fail(error);
    } finally {
      signal.removeEventListener("abort", end);
      document.removeEventListener("visibilitychange", hide);
    }
    if (!signal.aborted && !document.hidden) await later(LATER_MS[Math.min(tries++, LATER_MS.length - 1)], signal);
  }
}

async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held += value.replace(/\r/g, "");
    for (let end; (end = held.indexOf("\n\n")) >= 0; held = held.slice(end + 2)) {
      const lines = held.slice(0, end).split("\n"), data = lines.filter(line => line.startsWith("data:")).map(line => line.slice(5).trimStart());
      const kind = lines.find(line => line.startsWith("event:"));
      if (data.length) yield { kind: kind ? kind.slice(6).trim() : "message", data: JSON.parse(data.join("\n")) };
    }
  }
}
const later = (wait, signal) => new Promise(resolve => { const timer = setTimeout(resolve, wait); signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }); });
const shown = signal => new Promise(resolve => {
  const see = () => { if (!document.hidden || signal.aborted) { document.removeEventListener("visibilitychange", see); resolve(); } };
  document.addEventListener("visibilitychange", see);
  signal.addEventListener("abort", see);
});
