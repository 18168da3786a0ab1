// The drawer that says why an item stands where it stands for a user.
import { api } from "./api.js";
import { Bar, Empty, html, Item, known, moment, Problem, useAnswer, useEffect, useRef } from "./view.js";

const GROUPS = { own_history: "Own history", co_watch: "Taken together", popularity: "Popularity", temporal_memory: "Memory of the last events", slow_vectors: "Long-term taste", content: "What it is", item_age: "How new it is" };
const START = "riverwalk:";

/** A signed share in percent. */
const percent = share => { const whole = Math.round(100 * Math.abs(share)); return `${whole && share > 0 ? "+" : whole && share < 0 ? "−" : ""}${whole} %`; };

/** What each group of inputs does to the score, as a bar to the right or to the left of none. */
function Shares({ told }) {
  const rows = Object.entries(GROUPS).map(([name, words]) => ({ name, words, value: Number(told[`share_${name}`] || 0) })).sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  const most = Math.max(1e-9, ...rows.map(row => Math.abs(row.value))), all = rows.reduce((sum, row) => sum + Math.abs(row.value), 0) || 1;
  return html`<table class="shares"><caption>What makes the score ${told.score || ""}</caption><tbody>${rows.map(row => html`<tr key=${row.name}>
    <th scope="row">${row.words}</th>
    <td class="track"><svg viewBox="-50 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class=${row.value < 0 ? "minus" : "plus"} x=${row.value < 0 ? (50 * row.value) / most : 0} width=${(50 * Math.abs(row.value)) / most} y="0" height="10" /><line x1="0" x2="0" y1="0" y2="10" /></svg></td>
    <td class="number">${percent(row.value / all)}</td></tr>`)}</tbody></table>`;
}

function Seeds({ told }) {
  const seeds = [1, 2, 3].filter(k => told[`seed_${k}`]).map(k => ({
    item: told[`seed_${k}`], title: told[`seed_${k}_title`], share: Number(told[`seed_${k}_share`]), did: told[`seed_${k}_did`], when: told[`seed_${k}_ago`], last: told[`seed_${k}_last`],
  }));
  if (!seeds.length) return null;
  return html`<h3>What led here</h3><ul class="rows bars">${seeds.map(seed => html`<li key=${seed.item}>
    <${Bar} share=${seed.share} />
    <span class="grow">${seed.item.startsWith(START) || seed.item.startsWith("(") ? seed.title || seed.item : html`<${Item} item=${seed.item} title=${seed.title} />`}
      ${seed.did && html`<span class="faint small"> ${seed.did} <span title=${known(seed.last) ? moment(Number(seed.last)) : ""}>${seed.when}</span></span>`}</span>
    <span class="number">${Math.round(100 * seed.share)} %</span></li>`)}</ul>`;
}

/** A panel beside the list; Escape closes it, and what opened it has the focus again. */
export function Explain({ user, item, rows, close }) {
  const [told, error] = useAnswer(signal => api.explain(user, item, signal), [user, item, rows]);
  const panel = useRef(null), from = useRef(null);
  useEffect(() => {
    from.current = document.activeElement;
    panel.current.focus({ preventScroll: true });
    const key = event => { if (event.key === "Escape") close(); };
    document.addEventListener("keydown", key);
    return () => {
      document.removeEventListener("keydown", key);
      if (from.current && from.current.isConnected) from.current.focus({ preventScroll: true });
    };
  }, [item]);
  const name = told && (told.title || item);
  return html`<aside class="drawer" ref=${panel} tabindex="-1" aria-label=${`Why ${name || item}`}>
    <div class="head"><h2>Why ${name || item}?</h2><button type="button" class="quiet" onClick=${close}>Close</button></div>
    <${Problem} error=${error} />${!told && !error && html`<${Empty}>…</${Empty}>`}
    ${told && html`<p>${told.because}</p><${Shares} told=${told} /><${Seeds} told=${told} />
      <dl class="facts"><div><dt>Place among candidates</dt><dd class="number">${told.rank} of ${told.candidates}</dd></div>
        <div><dt>Ranker</dt><dd>${told.ranker}</dd></div>
        <div><dt>Of the blend</dt><dd class="number">${told.blend}</dd></div><div><dt>Learned on top</dt><dd class="number">${told.learned}</dd></div>
        <div class="wide"><dt>Found by</dt><dd>${told.sources || "no source; scored beside the candidates"}</dd></div></dl>
      <details><summary>Everything EXPLAIN tells</summary><dl class="plain">${Object.entries(told).map(([key, value]) => html`<div key=${key}><dt>${key}</dt><dd>${String(value)}</dd></div>`)}</dl></details>`}
  </aside>`;
}
