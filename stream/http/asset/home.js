// Home: how the stream runs, what happens now, and where to go from here.
import { api } from "./api.js";
import { Chart } from "./chart.js";
import { feed, RANKERS, useFeed } from "./feed.js";
import { Ago, Bar, Card, DID, Empty, html, Item, known, ms, or, Problem, short, SIGN, useAnswer, useEffect, User, useState, whole } from "./view.js";

const WORDS = { riverwalk: "Riverwalk", blend: "blend", own_recency: "own recency", popularity: "popularity" };
const DASHES = { riverwalk: "", blend: "dashed", own_recency: "dotted", popularity: "dashed" };
const last = values => { for (let k = values.length - 1; k >= 0; k--) if (known(values[k])) return values[k]; return null; };

/** A chart with its name, the newest value of each line, or that under the pointer. */
function Figure({ name, lines, shown, axis, note, least }) {
  const [at, point] = useState(null);
  const t = feed.series.t;
  const value = line => (at !== null && at !== undefined && at < t.length ? line.values[at] : last(line.values));
  const told = `${name}, last 15 minutes: ${lines.map(line => `${line.label} ${or(last(line.values), shown)}`).join(", ")}`;
  const when = at !== null && at !== undefined && t[at] ? new Date(t[at]).toLocaleTimeString("en-GB") : "";
  return html`<${Card} name=${name} kind="figure" more=${html`<span class="faint small">${when || note}</span>`}>
    <ul class="values">${lines.map((line, k) => html`<li><span class=${"key " + (line.dash || "solid")} data-colour=${line.colour}></span>
      <span class="number">${or(value(line), shown)}</span> <span class="faint">${line.label}</span></li>`)}</ul>
    <${Chart} t=${t} lines=${lines} shown=${axis || shown} told=${told} point=${point} least=${least} />
  </${Card}>`;
}

function Charts() {
  useFeed();
  const s = feed.series;
  return html`<div class="figures">
    <${Figure} name="Events a second" note="last 15 minutes" shown=${short} least=${5} lines=${[{ label: "events/s", colour: "river", filled: true, values: s.rate }]} />
    <${Figure} name="Freshness" note="event sent → in answers" shown=${ms} least=${20} lines=${[
      { label: "half within", colour: "river", values: s.p50 }, { label: "99 % within", colour: "clay", dash: "dashed", values: s.p99 }]} />
    <${Figure} name="Lag" note="events waiting" shown=${short} least=${5} lines=${[{ label: "events", colour: "plum", filled: true, values: s.lag }]} />
    <${Figure} name="Live MRR" note="next item, before it is learned" shown=${v => v.toFixed(3)} axis=${v => v.toFixed(2)} least=${0.05} lines=${RANKERS.map((one, k) => (
      { label: WORDS[one], colour: ["river", "clay", "plum", "stone"][k], dash: DASHES[one], values: s[one] }))} />
  </div>`;
}

function Newest() {
  useFeed();
  return html`<${Card} name="Newest events" kind="flow">
    ${feed.newest.length ? html`<ol class="rows">${feed.newest.slice(0, 12).map(one => html`<li key=${one.place} class="event">
      <span class=${"sign " + one.type} aria-hidden="true">${SIGN[one.type] || "•"}</span>
      <span class="grow"><${User} user=${one.user} /> ${DID[one.type] || one.type} <${Item} item=${one.item} title=${one.title || ""} /></span>
      <span class="faint small"><${Ago} t=${one.t} /></span></li>`)}</ol>` : html`<${Empty}>Nothing yet. Events show here as they are applied.</${Empty}>`}
  </${Card}>`;
}

/** Rows with a bar each. */
function Ranked({ rows, most }) {
  return html`<ol class="rows bars">${rows.map(row => html`<li key=${row.key}>
    <${Bar} share=${row.value / most} />
    <span class="grow">${row.link}</span><span class="number">${row.shown}</span></li>`)}</ol>`;
}

function Busiest() {
  const [answer, error, again] = useAnswer(signal => api.busiest(12, signal), []);
  useEvery(5000, again);
  const users = answer && (answer.users || answer.items) || [];
  return html`<${Card} name="Busiest users" more=${html`<span class="faint small">last 15 minutes</span>`}><${Problem} error=${error} />
    ${answer && !users.length && html`<${Empty}>Nobody yet.</${Empty}>`}
    <${Ranked} most=${Math.max(1, ...users.map(one => one.events))} rows=${users.map(one => ({ key: one.user, value: one.events, shown: short(one.events), link: html`<${User} user=${one.user} />` }))} />
  </${Card}>`;
}

function Rising() {
  const [answer, error, again] = useAnswer(signal => api.trending({ k: 12 }, signal), []);
  useEvery(5000, again);
  const items = answer ? answer.items : [];
  return html`<${Card} name="Rising items" more=${html`<span class="faint small">decayed count</span>`}><${Problem} error=${error} />
    ${answer && !items.length && html`<${Empty}>Nothing yet: send events, with <code>riverwalk produce</code> for example.</${Empty}>`}
    <${Ranked} most=${Math.max(0.001, ...items.map(one => one.score))} rows=${items.map(one => ({ key: one.item, value: one.score, shown: one.score.toFixed(1), link: html`<${Item} item=${one.item} title=${one.title || ""} />` }))} />
  </${Card}>`;
}

/** Ask again every so many ms while the page shows. */
export function useEvery(every, again) {
  useEffect(() => {
    const timer = setInterval(() => { if (!document.hidden) again(); }, every);
    return () => clearInterval(timer);
  }, []);
}

export function Home() {
  const [info, error, again] = useAnswer(api.info, []);
  useEvery(2000, again);
  const counts = [["events", "applied_events"], ["users", "users"], ["items", "items"], ["edges", "edges"]];
  return html`<div class="home"><h1>Recommendations that follow the stream</h1>
    <${Problem} error=${error || feed.error} />
    <p class="counts">${counts.map(([word, name]) => html`<span><b class="number">${or(info && info[name], whole)}</b> ${word}</span>`)}</p>
    <${Charts} />
    <div class="thirds"><${Newest} /><${Busiest} /><${Rising} /></div>
  </div>`;
}
