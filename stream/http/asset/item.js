// An item: what it is, what goes with it, and the co-watch graph around it to walk through.
import { api } from "./api.js";
import { Neighbourhood } from "./graph.js";
import { Card, Empty, html, Item, moment, Problem, useAnswer, useEffect, useTitle } from "./view.js";

const LIST = 8;

/** A value of a field in words. */
function said(name, value) {
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "number" && value > 1e11 && /created|time|date|at$/.test(name)) return moment(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function Near({ name, answer, error, none }) {
  return html`<${Card} name=${name}><${Problem} error=${error} />
    ${answer && !answer.items.length && html`<${Empty}>${none}</${Empty}>`}
    ${answer && html`<ol class="rows">${answer.items.map((row, place) => html`<li key=${row.item}><span class="place number">${place + 1}</span><span class="grow"><${Item} item=${row.item} title=${row.title || ""} /></span><span class="number faint">${Number(row.score).toPrecision(3)}</span></li>`)}</ol>`}
  </${Card}>`;
}

const missing = promise => promise.catch(error => { if (error.status === 404) return { items: [], fields: {}, edges: [], missing: true }; throw error; });

/** The view of one item. */
export function ItemView({ id }) {
  const [about, wrong] = useAnswer(signal => missing(api.item(id, signal)), [id]);
  const [now, wrongNow, again] = useAnswer(signal => missing(api.similar(id, { k: LIST }, signal)), [id]);
  const [ever, wrongEver] = useAnswer(signal => missing(api.similar(id, { k: LIST, alltime: true }, signal)), [id]);
  useEffect(() => { const timer = setInterval(() => { if (!document.hidden) again(); }, 5000); return () => clearInterval(timer); }, [id]);
  const title = useTitle(id, about && about.fields && about.fields.title);
  const fields = Object.entries((about && about.fields) || {}).filter(([name]) => name !== "title");
  const lost = about && about.missing && now && now.missing;
  return html`<div class="itemview"><div class="title-row"><h1><span class="faint">Item</span> ${title || id} ${title && html`<span class="id">${id}</span>`}</h1></div>
    <${Problem} error=${wrong} />
    ${lost && html`<p class="problem" role="alert">Item ${id} is not known here: no event has named it, and the items topic does not describe it.</p>`}
    ${about && !lost && (fields.length ? html`<dl class="facts">${fields.map(([name, value]) => html`<div key=${name}><dt>${name.replace(/_/g, " ")}</dt><dd>${said(name, value)}</dd></div>`)}</dl>`
      : !title && html`<p class="faint">The items topic does not describe it; <code>riverwalk produce</code> with <code>--items</code> does, or <code>ITEM</code> on the socket.</p>`)}
    ${!lost && html`<div class="around"><${Neighbourhood} id=${id} title=${title} />
      <div class="pair"><${Near} name="Similar now" answer=${now} error=${wrongNow} none="Nobody took anything with it lately." />
      <${Near} name="Similar, all time" answer=${ever} error=${wrongEver} none="No users share it with another item." /></div></div>`}</div>`;
}
