// The playground: every option of a command as a control, its answer, and the lines that give the same in a shell.
import { api, ask } from "./api.js";
import { Card, Empty, html, Item, ms, Problem, setup, useEffect, useMemo, useState } from "./view.js";

const ASKED = ["RECOMMEND", "SESSION", "RANK", "SIMILAR", "TRENDING", "EXPLAIN"];
const commands = new Map(setup.commands.map(command => [command.name, command]));
const WIDE = 640; // px from which on all options are shown at once
const ONE = { type: "text" };
const INPUTS = {
  count: { type: "number", min: 1, max: 1000, step: 1 }, share: { type: "number", min: 0, max: 1, step: 0.05 }, timeout: { type: "number", min: 0, max: 60_000, step: 100 },
};
const HINTS = { filter: "price < 5 and category = \"cups\"", seen: "purchase,like=30d", position: "0:123", duration: "30m", category: "cups" };
const FIRST = { k: "10", with_titles: true, with_reasons: true, with_scores: true };
const LAST = { user: "riverwalk.last.user", item: "riverwalk.last.item" };
/** What was looked at last, to begin with. */
function first() {
  const user = sessionStorage.getItem(LAST.user) || "", item = sessionStorage.getItem(LAST.item) || "";
  return { ...FIRST, user, item, visited: item, items: item };
}

const quoted = text => (/^[\w.,:@%/=-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`);
const several = text => text.split(/[\s,]+/).filter(Boolean);
const given = (one, values) => { const value = values[one.field]; return one.kind === "switch" ? value === true : value !== undefined && value !== ""; };
const optional = (command, values) => command.options.filter(one => given(one, values) && (!one.within || given(command.options.find(other => other.field === one.within), values)));
const inPath = one => !one.http;
export const ready = (command, values) => command.arguments.every(one => !one.required || given(one, values));

/** The command as redis-cli takes it. */
export function socketLine(command, values) {
  const words = [command.name];
  for (const one of command.arguments) {
    if (given(one, values)) words.push(...(one.many ? several(values[one.field]) : [values[one.field]]));
    else if (one.default && !one.many) words.push(one.default);
  }
  for (const one of optional(command, values)) {
    if (!one.word) continue;
    words.push(one.word);
    if (one.many) words.push(String(several(values[one.field]).length), ...several(values[one.field]));
    else if (one.kind !== "switch") words.push(values[one.field]);
  }
  return `redis-cli -p ${setup.port}${setup.locked ? " --askpass" : ""} ${words.map(quoted).join(" ")}`;
}

/** The path of the same over HTTP. */
export function address(command, values) {
  const parts = command.arguments.filter(inPath).flatMap(one => (one.many ? several(values[one.field] || "") : [values[one.field]]));
  const words = [...command.arguments.filter(one => one.http && given(one, values)), ...optional(command, values).filter(one => one.http)]
    .map(one => `${one.http}=${one.kind === "switch" ? "true" : one.many ? several(values[one.field]).map(encodeURIComponent).join(",") : encodeURIComponent(values[one.field])}`);
  const head = command.path.replace(/^\/(v1\/)?/, "v1/").split("/{")[0];
  return [head, ...parts.map(encodeURIComponent)].join("/") + (words.length ? `?${words.join("&")}` : "");
}
const curlLine = path => `curl ${setup.locked ? "-u default " : ""}${quoted(new URL(path, document.baseURI).href)}`;

function Control({ one, value, put }) {
  const name = `option-${one.field}`, help = `${name}-help`;
  const more = one.default ? ` Left out: ${one.default}.` : "";
  if (one.kind === "switch") {
    return html`<div class="control switch"><label><input type="checkbox" checked=${value === true} onChange=${event => put(one.field, event.target.checked)} aria-describedby=${help} /> ${one.word || one.http}</label><p id=${help} class="faint small">${one.help}</p></div>`;
  }
  return html`<div class="control"><label for=${name}>${one.word || one.metavar || one.field}${one.required ? html`<span class="faint"> needed</span>` : ""}</label>
    <input id=${name} ...${INPUTS[one.kind] || ONE} value=${value ?? ""} placeholder=${HINTS[one.kind] || ""} autocomplete="off" spellcheck=${false} onInput=${event => put(one.field, event.target.value)} aria-describedby=${help} />
    <p id=${help} class="faint small">${one.help}${one.many ? " Several with a space between." : ""}${more}</p></div>`;
}

function Line({ name, text }) {
  const [copied, say] = useState(false);
  const copy = async () => { await navigator.clipboard.writeText(text); say(true); setTimeout(() => say(false), 1500); };
  return html`<div class="line"><span class="faint small">${name}</span><pre tabindex="0"><code>${text}</code></pre>${navigator.clipboard && html`<button type="button" class="quiet" onClick=${copy} aria-label=${`Copy the ${name} line`}>${copied ? "Copied" : "Copy"}</button>`}</div>`;
}

function Reply({ answer, titled }) {
  const rows = answer.items;
  if (!Array.isArray(rows)) return html`<dl class="plain">${Object.entries(answer).map(([key, value]) => html`<div key=${key}><dt>${key}</dt><dd>${typeof value === "object" ? JSON.stringify(value) : String(value)}</dd></div>`)}</dl>`;
  return html`${!rows.length && html`<${Empty}>No item passes.</${Empty}>`}
    <ol class="rows answer">${rows.map((row, place) => html`<li key=${row.item}><span class="place number">${place + 1}</span><span class="grow"><${Item} item=${row.item} title=${titled ? row.title || "" : row.title} />${row.reason && html`<span class="reason">${row.reason}</span>`}</span>${row.score !== undefined && html`<span class="number faint">${Number(row.score).toPrecision(4)}</span>`}</li>`)}</ol>
    ${answer.shortfall && html`<p class="faint small">Fewer than asked for: ${Object.entries(answer.shortfall).map(([why, n]) => `${why.replace(/_/g, " ")} ${n}`).join(", ")}.</p>`}
    <details><summary>The answer as JSON</summary><pre tabindex="0"><code>${JSON.stringify(answer, null, 1)}</code></pre></details>`;
}

export function Playground() {
  const [name, choose] = useState("RECOMMEND"), [values, keep] = useState(first);
  const [state, say] = useState({});
  const command = commands.get(name);
  const put = (field, value) => keep(before => ({ ...before, [field]: value }));
  const path = useMemo(() => ready(command, values) && address(command, values), [command, values]);
  useEffect(() => {
    if (!path) { say({}); return undefined; }
    const stop = new AbortController();
    const timer = setTimeout(async () => {
      const began = performance.now();
      try { const answer = await ask(path, { signal: stop.signal }); say({ path, answer, took: performance.now() - began }); } catch (error) { if (!stop.signal.aborted) say(before => ({ ...before, path, error })); }
    }, 200);
    return () => { clearTimeout(timer); stop.abort(); };
  }, [path]);
  useEffect(() => {
    if (!values.user) api.busiest(1).then(found => { if (found.users.length) keep(before => (before.user ? before : { ...before, user: found.users[0].user })); }, () => {});
  }, []);
  const controls = [...command.arguments, ...command.options], choices = controls.filter(one => one.kind === "switch"), rest = controls.filter(one => one.kind !== "switch");
  const group = some => html`<div class="controls">${some.map(one => html`<${Control} key=${`${name} ${one.field}`} one=${one} value=${values[one.field]} put=${put} />`)}</div>`;
  const missing = command.arguments.filter(one => one.required && !given(one, values)).map(one => one.metavar || one.field);
  return html`<div class="playground"><h1>Playground</h1>
    <div class="split even"><${Card} name="Ask">
      <div class="control"><label for="command">Command</label><select id="command" value=${name} onChange=${event => { choose(event.target.value); say({}); }}>${ASKED.filter(one => commands.has(one)).map(one => html`<option key=${one} value=${one}>${one}</option>`)}</select><p class="faint small">${command.summary}</p></div>
      <form onSubmit=${event => event.preventDefault()}>${group(rest.slice(0, command.arguments.length))}${group(choices)}
        ${rest.length > command.arguments.length && html`<details open=${innerWidth > WIDE}><summary>More options</summary>${group(rest.slice(command.arguments.length))}</details>`}</form></${Card}>
    <div class="stack"><${Card} name="The same in a shell" kind="lines">${path ? html`<${Line} name="redis-cli" text=${socketLine(command, values)} /><${Line} name="curl" text=${curlLine(path)} />` : html`<${Empty}>Fill in ${missing.join(" and ")}, and the lines stand here.</${Empty}>`}</${Card}>
    <${Card} name="Answer" busy=${path && state.path !== path} more=${state.took !== undefined && html`<span class="faint small number">${ms(state.took)}</span>`}><${Problem} error=${state.error} />
      ${state.answer ? html`<${Reply} answer=${state.answer} titled=${values.with_titles === true} />` : !state.error && html`<${Empty}>The answer stands here, and changes with every option.</${Empty}>`}</${Card}></div></div></div>`;
}
