// What all views are made of: the binding of the library, addresses, numbers and times in words, small elements.
import { h, render, Fragment } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import htm from "htm";

export { Fragment, render, useEffect, useLayoutEffect, useMemo, useRef, useState };
export const html = htm.bind(h);
export const setup = JSON.parse(document.getElementById("setup").textContent);

const WHOLE = new Intl.NumberFormat("en"), SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
export const whole = value => WHOLE.format(value);
export const short = value => (Math.abs(value) < 10_000 ? WHOLE.format(Math.round(value)) : SHORT.format(value));
export const known = value => value !== undefined && value !== null && !Number.isNaN(value);
export const or = (value, shown) => (known(value) ? shown(value) : "–");
export const ms = value => (value <= 0 ? "0" : value < 1 ? "<1 ms" : value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(value < 10_000 ? 1 : 0)} s`);
export const bytes = value => (value < 1e6 ? `${Math.round(value / 1e3)} kB` : value < 1e9 ? `${(value / 1e6).toFixed(1)} MB` : `${(value / 1e9).toFixed(2)} GB`);

/** What time it is for the stream: the wall clock, or that of a stream of the past. */
export const clock = { past: false, t: 0, now() { return this.past && this.t ? this.t : Date.now(); } };

const STEPS = [[60, 1, "s"], [3600, 60, "min"], [86_400, 3600, "h"], [604_800, 86_400, "d"], [31_557_600, 604_800, "wk"], [Infinity, 31_557_600, "y"]];
/** An age in ms in few letters. */
export function age(value) {
  const s = Math.max(0, value) / 1000;
  if (s < 1) return "now";
  const [, unit, name] = STEPS.find(([upto]) => s < upto);
  return `${Math.floor(s / unit)} ${name}`;
}
export const ago = t => { const text = age(clock.now() - t); return text === "now" ? text : `${text} ago`; };
export const moment = t => new Date(t).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
export function day(t) {
  const days = Math.round((midnight(clock.now()) - midnight(t)) / 86_400_000);
  if (days <= 0) return "Today";
  return days === 1 ? "Yesterday" : new Date(t).toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric" });
}
/** When it was within its day, or how long ago where that is today. */
export function When({ t }) {
  return day(t) === "Today" ? html`<${Ago} t=${t} />` : html`<time dateTime=${new Date(t).toISOString()} title=${moment(t)}>${new Date(t).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })}</time>`;
}
const midnight = t => new Date(t).setHours(0, 0, 0, 0);

export const DID = { view: "viewed", click: "clicked", like: "liked", dislike: "disliked", purchase: "bought", watch: "watched", impression: "was shown" };
export const SIGN = { view: "◦", click: "•", like: "♥", dislike: "✕", purchase: "✓", watch: "▸", impression: "·" };

export const to = (view, id) => `#/${view}${id === undefined ? "" : "/" + encodeURIComponent(id)}`;

/** Titles of items, as answers have told them so far; what nobody told is asked for, a few at a time. */
export const titles = {
  held: new Map(), wanted: [], running: 0, heard: new Set(), asked: null,
  learn(item, title) {
    if (!item || !title || this.held.get(item) === title) return;
    if (this.held.size > 20_000) this.held.clear();
    this.held.set(item, title);
    this.heard.forEach(hear => hear(item));
  },
  want(item) {
    if (this.held.has(item) || !this.asked) return;
    this.held.set(item, "");
    this.wanted.push(item);
    this.next();
  },
  next() {
    while (this.running < 4 && this.wanted.length) {
      const item = this.wanted.shift();
      this.running += 1;
      this.asked(item).then(title => this.learn(item, title)).finally(() => { this.running -= 1; this.next(); });
    }
  },
};

/** The title of an item: what was told (empty where there is none), or else as soon as it is known. */
export function useTitle(item, told) {
  const [, again] = useState(0);
  useEffect(() => {
    if (told !== undefined) { titles.learn(item, told); return undefined; }
    titles.want(item);
    const hear = one => { if (one === item) again(n => n + 1); };
    titles.heard.add(hear);
    return () => titles.heard.delete(hear);
  }, [item, told]);
  return told || titles.held.get(item) || "";
}

/** A link to an item: its title, and its id small. */
export function Item({ item, title, plain }) {
  const text = useTitle(item, title);
  return html`<a class="item" href=${to("item", item)}><span class="title">${text || item}</span>${text && text !== item && !plain && html` <span class="id">${item}</span>`}</a>`;
}
export const User = ({ user }) => html`<a class="user" href=${to("user", user)}>${user}</a>`;

/** A time that goes on. */
export function Ago({ t }) {
  useBeat(1000);
  return html`<time dateTime=${new Date(t).toISOString()} title=${moment(t)}>${ago(t)}</time>`;
}

const beats = new Map();
/** Draw again every so many ms, all that do so together. */
export function useBeat(every) {
  const [, again] = useState(0);
  useEffect(() => {
    const beat = beats.get(every) || { heard: new Set() };
    if (!beat.heard.size) beat.timer = setInterval(() => { if (!document.hidden) beat.heard.forEach(hear => hear()); }, every);
    beats.set(every, beat);
    const hear = () => again(n => n + 1);
    beat.heard.add(hear);
    return () => { beat.heard.delete(hear); if (!beat.heard.size) clearInterval(beat.timer); };
  }, [every]);
}

const AGAIN_MS = 1500;
/** What a function answers, asked again when what it depends on changes, and while the server starts: [answer, error, ask again]. */
export function useAnswer(asked, needs) {
  const [state, put] = useState({}), [round, again] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    let timer;
    asked(stop.signal).then(answer => { if (!stop.signal.aborted) put({ answer }); }, error => {
      if (stop.signal.aborted) return;
      put(before => ({ answer: before.answer, error }));
      if (error.status === 503 || error.status === 0) timer = setTimeout(() => again(n => n + 1), AGAIN_MS);
    });
    return () => { stop.abort(); clearTimeout(timer); };
  }, [...needs, round]);
  return [state.answer, state.error, () => again(n => n + 1)];
}

/** What went wrong, in the server's words; that it still starts is no alarm. */
export const Problem = ({ error }) => (error ? html`<p class=${error.status === 503 ? "problem waits" : "problem"} role=${error.status === 503 ? "status" : "alert"}>${error.message}</p>` : null);
export const Empty = ({ children }) => html`<p class="faint">${children}</p>`;
export function Card({ name, more, children, kind, busy }) {
  return html`<section class=${"card " + (kind || "")} aria-label=${name} aria-busy=${busy ? "true" : undefined}><div class="head"><h2>${name}</h2>${more}</div>${children}</section>`;
}
/** A share of 1 as a bar behind a row. */
export const Bar = ({ share }) => html`<svg class="behind" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect width=${100 * Math.max(0, Math.min(1, share))} height="10" /></svg>`;
/** Text that is read out, but no more often than every few seconds. */
export function Said({ text }) {
  const [said, say] = useState(""), last = useRef(0);
  useEffect(() => {
    const wait = Math.max(0, last.current + 4000 - performance.now());
    const timer = setTimeout(() => { last.current = performance.now(); say(text); }, wait);
    return () => clearTimeout(timer);
  }, [text]);
  return html`<p class="unseen" role="status">${said}</p>`;
}
