// A user: what they took, what they are recommended and why, and acting as them.
import { api, hear, query } from "./api.js";
import { Explain } from "./explain.js";
import { Ago, Card, day, DID, Empty, html, Item, known, ms, or, Problem, Said, SIGN, titles, useAnswer, useEffect, useLayoutEffect, useRef, useState, When, whole } from "./view.js";

const LIST = 12, TAKEN = 24, KEPT = 20, AGAIN_MS = 1500;
const KINDS = [["view", "View"], ["click", "Click"], ["like", "Like"], ["purchase", "Buy"], ["dislike", "Dislike"]];

/** Places gained by each item against an earlier list; "new" for one that was not in it. */
export function moves(before, now) {
  const was = new Map((before || []).map((row, place) => [row.item, place]));
  return new Map(now.map((row, place) => [row.item, was.has(row.item) ? was.get(row.item) - place : "new"]));
}
const changed = found => [...found.values()].filter(move => move !== 0).length;

function Move({ move }) {
  if (!known(move) || move === 0) return html`<span class="move"></span>`;
  if (move === "new") return html`<span class="move fresh">new</span>`;
  return move > 0
    ? html`<span class="move up"><span aria-hidden="true">▲</span>${move}<span class="unseen"> places up</span></span>`
    : html`<span class="move down"><span aria-hidden="true">▼</span>${-move}<span class="unseen"> places down</span></span>`;
}

/** Rows glide from where they were to where they are. */
function useGlide(rows) {
  const list = useRef(null), places = useRef(new Map());
  useLayoutEffect(() => {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches, now = new Map();
    for (const row of list.current ? list.current.children : []) {
      const at = row.offsetTop, was = places.current.get(row.dataset.item);
      now.set(row.dataset.item, at);
      if (still || !places.current.size) continue;
      if (was === undefined) row.animate([{ opacity: 0, transform: "translateX(12px)" }, { opacity: 1, transform: "none" }], { duration: 260, easing: "ease-out" });
      else if (was !== at) row.animate([{ transform: `translateY(${was - at}px)` }, { transform: "none" }], { duration: 260, easing: "ease-out" });
    }
    places.current = now;
  }, [rows]);
  return list;
}

function List({ user, rows, found, kind, act, busy, explain, open }) {
  const list = useGlide(rows);
  const [, verb] = KINDS.find(([name]) => name === kind);
  return html`<ol class="list" ref=${list}>${rows.map((row, place) => {
    const name = row.title || titles.held.get(row.item) || row.item;
    return html`<li key=${row.item} data-item=${row.item} class=${open === row.item ? "open" : ""}>
      <span class="place number">${place + 1}</span>
      <span class="grow"><${Item} item=${row.item} title=${row.title || ""} />${row.reason && html`<span class="reason">${row.reason}</span>`}</span>
      <${Move} move=${found && found.get(row.item)} />
      <span class="acts"><button type="button" class="quiet" aria-expanded=${open === row.item} aria-label=${`Why ${name}`} onClick=${() => explain(row.item)}>Why</button>
      <button type="button" class="act" disabled=${busy} aria-label=${`${verb} ${name} as user ${user}`} onClick=${() => act(row.item, name)}>${verb}</button></span></li>`;
  })}</ol>`;
}

function Timeline({ events, more }) {
  if (!events) return html`<${Empty}>…</${Empty}>`;
  if (!events.length) return html`<${Empty}>Nothing yet. Act as this user, and it shows here.</${Empty}>`;
  const days = [];
  for (const one of events) {
    const name = known(one.t) ? day(one.t) : "Earlier";
    if (!days.length || days.at(-1).name !== name) days.push({ name, events: [] });
    days.at(-1).events.push(one);
  }
  return html`<div class="timeline">${days.map(({ name, events: some }) => html`<section key=${name}><h3>${name}</h3>
    <ol>${some.map((one, k) => html`<li key=${`${one.item} ${one.t} ${one.type} ${k}`}><span class=${"sign " + one.type} aria-hidden="true">${SIGN[one.type] || "•"}</span>
      <span class="grow"><span class="faint">${DID[one.type] || one.type} </span><${Item} item=${one.item} title=${one.title || ""} /></span>
      ${one.times > 1 && html`<span class="faint small times">${one.times} ×</span>`}<span class="faint small"><${When} t=${one.t} /></span></li>`)}</ol></section>`)}${more}</div>`;
}

/** How long acts took, in words: the last, and all of this visit. */
function Times({ times }) {
  if (!times.length) return html`<p class="took faint">Choose an item: the event goes through the log, and the list changes before your eyes.</p>`;
  const last = times.at(-1);
  return html`<p class="took"><b class="number" data-ms=${last.ms.toFixed(1)}>${ms(last.ms)}</b> from the click to the changed list
    <span class="faint small"> · ${last.verb} ${last.name}: ${last.moved} of ${LIST} places changed</span></p>`;
}

/** The list of a user, its moves since the last event, and acting. */
function useList(user) {
  const [state, put] = useState({ rows: null, found: null, error: null, times: [], busy: false });
  const rows = useRef(null), acting = useRef(false), asked = useRef(0);
  const take = (answer, more) => {
    const found = rows.current ? moves(rows.current, answer.items) : null;
    rows.current = answer.items;
    put(before => ({ ...before, rows: answer.items, found: found && changed(found) ? found : before.found, error: null, shortfall: answer.shortfall, ...more && more(before, found) }));
  };
  const refresh = async () => {
    if (acting.current) return;
    const mine = ++asked.current;
    try {
      const answer = await api.recommend(user, { k: LIST });
      if (mine === asked.current && !acting.current) take(answer);
    } catch (error) {
      if (mine !== asked.current) return;
      put(before => ({ ...before, error }));
      if (error.status === 503 || error.status === 0) setTimeout(() => { if (mine === asked.current) refresh(); }, AGAIN_MS);
    }
  };
  useEffect(() => {
    const stop = new AbortController();
    refresh();
    hear(`v1/stream/recommendations/${encodeURIComponent(user)}${query({ k: LIST })}`, () => refresh(), stop.signal, () => {});
    return () => { asked.current += 1; stop.abort(); };
  }, [user]);
  const act = async (item, name, kind) => {
    if (acting.current) return;
    acting.current = true;
    const began = performance.now();
    put(before => ({ ...before, busy: true }));
    try {
      const after = await api.event(user, item, kind);
      const answer = await api.recommend(user, { k: LIST, after, timeout: 5000 });
      take(answer, (before, found) => ({ busy: false, found, times: [...before.times, { ms: performance.now() - began, name, verb: DID[kind], moved: found ? changed(found) : 0 }].slice(-KEPT) }));
    } catch (error) { put(before => ({ ...before, busy: false, error })); }
    acting.current = false;
  };
  return [state, act];
}

/** The view of one user. */
export function UserView({ id }) {
  const [kind, choose] = useState("view"), [open, explain] = useState(null), [most, show] = useState(TAKEN);
  const [state, act] = useList(id);
  const [about, , askAbout] = useAnswer(signal => api.user(id, signal), [id]);
  const [taken, wrong, askTaken] = useAnswer(signal => api.history(id, most, signal), [id, most]);
  useEffect(() => explain(null), [id]);
  const acted = (item, name) => act(item, name, kind);
  useEffect(() => { if (state.found) { askTaken(); askAbout(); } }, [state.found]); // the list changed: there was an event
  const last = state.times.at(-1);
  const more = taken && taken.items.length >= most && html`<button type="button" class="quiet" onClick=${() => show(most * 2)}>Show more</button>`;
  return html`<div class="userview"><div class="title-row"><h1><span class="faint">User</span> ${id}</h1>
    <p class="counts">${about && (about.known === false ? html`<span>not known yet: the list is what newcomers like</span>`
      : html`<span><b class="number">${or(about.events, whole)}</b> events</span>${known(about.seen) && html`<span><b class="number">${whole(about.seen)}</b> items seen</span>`}${about.last_ms > 0 && html`<span>last <${Ago} t=${about.last_ms} /></span>`}`)}</p></div>
    <div class="split"><${Card} name="Recommended now" more=${html`<fieldset class="kinds"><legend class="unseen">Act as this user: what a click on an item's button sends</legend>
        <span class="faint small" aria-hidden="true">Act as this user:</span>
        ${KINDS.map(([name, verb]) => html`<label key=${name}><input type="radio" name="kind" value=${name} checked=${kind === name} onChange=${() => choose(name)} /><span>${verb}</span></label>`)}</fieldset>`}>
      <${Times} times=${state.times} /><${Problem} error=${state.error} />
      ${state.rows && !state.rows.length && html`<${Empty}>No items: ${JSON.stringify(state.shortfall || {})}</${Empty}>`}
      ${state.rows ? html`<${List} user=${id} rows=${state.rows} found=${state.found} kind=${kind} act=${acted} busy=${state.busy} open=${open} explain=${item => explain(open === item ? null : item)} />` : !state.error && html`<${Empty}>…</${Empty}>`}
      <${Said} text=${last ? `${ms(last.ms)}: ${last.moved} places of the list changed` : ""} /></${Card}>
    <${Card} name="What they took" kind="past"><${Problem} error=${wrong} /><${Timeline} events=${taken && taken.items} more=${more} /></${Card}></div>
    ${open && html`<${Explain} user=${id} item=${open} rows=${state.rows} close=${() => explain(null)} />`}</div>`;
}
