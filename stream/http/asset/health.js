// Health: what is wrong in words, partitions, dead letters, processes, versions, settings in force.
import { api, metrics, ready } from "./api.js";
import { useEvery } from "./home.js";
import { age, bytes, Card, Empty, html, known, or, Problem, setup, short, useAnswer, whole } from "./view.js";

const TROUBLES = { starting: "Starting", restarting: "Restarting", hung: "Hung", disk: "Disk", memory: "Memory", source: "Topic", learning: "Learning", items: "Items topic", behind: "Behind" };

function Verdict({ told, info }) {
  if (!told) return html`<${Card} name="What is wrong"><${Empty}>…</${Empty}></${Card}>`;
  const kinds = info && info.troubles ? String(info.troubles).split(/[,\s]+/).filter(Boolean) : [];
  return html`<${Card} name="What is wrong" kind=${told.ready ? "verdict good" : "verdict bad"}>
    <p class="big">${told.ready ? "Nothing: answers are fresh." : told.reason}</p>
    ${!told.ready && html`<p class="faint">Answers still come, from what is remembered. <code>riverwalk doctor</code> looks further; <code>deploy/docs/operation.md</code> says what each trouble means.</p>`}
    ${kinds.length > 0 && html`<ul class="chips">${kinds.map(kind => html`<li key=${kind}>${TROUBLES[kind] || kind}</li>`)}</ul>`}</${Card}>`;
}

/** The offsets of each partition: applied, saved; and how many events wait. */
function Partitions({ info }) {
  const names = info ? Object.keys(info).map(name => /^offset_(\d+)$/.exec(name)).filter(Boolean).map(found => Number(found[1])).sort((a, b) => a - b) : [];
  const items = info ? Object.keys(info).filter(name => /^described_\d+$/.test(name)) : [];
  const lag = info && (info.lag >= 0 ? whole(info.lag) : "not known");
  return html`<${Card} name="Partitions" more=${html`<span class="small">events waiting: <b class="number">${lag || "–"}</b></span>`}>
    ${info && !names.length && html`<${Empty}>No event has been applied yet.</${Empty}>`}
    ${names.length > 0 && html`<div class="scroll" tabindex="0" role="region" aria-label="Partitions"><table class="grid"><thead><tr><th>topic</th><th class="number">partition</th><th class="number">next offset</th><th class="number">saved up to</th><th class="number">not saved yet</th><th class="number">waiting</th></tr></thead><tbody>
      ${names.map(p => html`<tr key=${p}><td>events</td><td class="number">${p}</td><td class="number">${whole(info[`offset_${p}`])}</td><td class="number">${or(info[`saved_${p}`], whole)}</td><td class="number">${known(info[`saved_${p}`]) ? whole(Math.max(0, info[`offset_${p}`] - info[`saved_${p}`])) : "–"}</td><td class="number">${info.lag >= 0 && known(info[`lag_${p}`]) ? whole(info[`lag_${p}`]) : "not known"}</td></tr>`)}
      ${names.length > 1 && html`<tr><td>events</td><td class="number">all</td><td></td><td></td><td></td><td class="number">${lag}</td></tr>`}
      ${items.map(name => html`<tr key=${name}><td>items</td><td class="number">${name.split("_")[1]}</td><td class="number">${whole(info[name])}</td><td></td><td></td><td></td></tr>`)}</tbody></table></div>`}</${Card}>`;
}

const rows = (found, name) => (found && found[name]) || [];
const value = (found, name) => { const [first] = rows(found, name); return first && first.value; };

function Letters({ figures, info }) {
  const counted = rows(figures, "riverwalk_dead_letters_total").filter(one => one.value > 0).sort((a, b) => b.value - a.value);
  const disk = value(figures, "riverwalk_dead_letters_on_disk");
  return html`<${Card} name="Dead letters" more=${html`<span class="small">records refused: <b class="number">${or(info && info.rejected_events, whole)}</b></span>`}>
    ${counted.length ? html`<ul class="rows">${counted.map(one => html`<li key=${JSON.stringify(one.labels)}><span class="grow">${Object.values(one.labels).join(" · ").replace(/_/g, " ")}</span><span class="number">${whole(one.value)}</span></li>`)}</ul>`
      : html`<${Empty}>None since this instance started.</${Empty}>`}
    ${disk > 0 && html`<p>${whole(disk)} wait on this disk until the topic can be written.</p>`}
    ${(counted.length > 0 || (info && info.rejected_events > 0)) && html`<p class="faint small"><code>riverwalk dlq list</code> shows them with their reasons, <code>riverwalk dlq replay</code> sends them again.</p>`}</${Card}>`;
}

const STATES = { ok: "works", starting: "starts", waiting: "waits for the topic", hung: "hangs", dead: "has ended, starts again", restarting: "ends again and again" };
function Processes({ figures, info }) {
  const clients = rows(figures, "riverwalk_reader_clients");
  const of = (name, reader) => { const one = rows(figures, name).find(row => row.labels.reader === reader); return one && one.value; };
  return html`<${Card} name="Processes"><div class="scroll" tabindex="0" role="region" aria-label="Processes"><table class="grid"><thead><tr><th>process</th><th>state</th><th class="number">memory</th><th class="number">clients</th><th class="number">answered</th></tr></thead><tbody>
    <tr><td>ingest</td><td>${info ? STATES[info.ingest_state] || info.ingest_state : "–"}${info && info.ingest_restarts > 0 ? `, ${info.ingest_restarts} restarts` : ""}${info && info.ingest_beat_ms > 4000 ? `, silent for ${age(info.ingest_beat_ms)}` : ""}</td><td></td><td></td><td></td></tr>
    <tr><td>learner</td><td>${info && known(info.learned_events) ? `${whole(info.learned_events)} events learned, ${whole(info.learning_waiting)} wait` : "–"}${info && info.learning_stopped ? ", stopped by the guard" : ""}</td><td></td><td></td><td></td></tr>
    ${clients.map(one => html`<tr key=${one.labels.reader}><td>reader ${one.labels.reader}</td><td>answers</td><td class="number">${or(of("riverwalk_reader_resident_bytes", one.labels.reader), bytes)}</td><td class="number">${whole(one.value)}</td><td class="number">${or(of("riverwalk_reader_commands_total", one.labels.reader), short)}</td></tr>`)}
    </tbody></table></div></${Card}>`;
}

function Facts({ info, figures, settings }) {
  const tables = rows(figures, "riverwalk_table_rows");
  const size = name => { const one = rows(figures, "riverwalk_table_bytes").find(row => row.labels.table === name); return one && one.value; };
  const versions = { riverwalk: (info && info.version) || setup.version, ...(settings && settings.versions) };
  return html`<${Card} name="State and versions"><dl class="facts">
    ${tables.map(one => html`<div key=${one.labels.table}><dt>${one.labels.table} rows</dt><dd class="number">${short(one.value)}${known(size(one.labels.table)) && html` <span class="faint small">${bytes(size(one.labels.table))}</span>`}</dd></div>`)}
    ${info && html`<div><dt>generation</dt><dd class="number">${or(info.generation, String)}</dd></div><div><dt>up for</dt><dd class="number">${age(1000 * info.uptime_seconds)}</dd></div><div><dt>ranker in force</dt><dd>${info.ranker || "–"}</dd></div><div><dt>clock of events</dt><dd>${info.event_clock === "stream" ? "a stream of the past" : "the wall clock"}</dd></div>`}
    ${Object.entries(versions).filter(([, version]) => version).map(([name, version]) => html`<div key=${name}><dt>${name}</dt><dd class="number">${version}</dd></div>`)}</dl></${Card}>`;
}

const written = value => (value && typeof value === "object" ? JSON.stringify(value) : value === "" ? "“”" : String(value));
function Settings({ settings, error }) {
  const all = settings ? settings.settings : [];
  const changed = all.filter(one => one.changed);
  const table = some => html`<div class="scroll" tabindex="0" role="region" aria-label="Settings"><table class="grid"><thead><tr><th>setting</th><th>value</th><th>default</th></tr></thead><tbody>${some.map(one => html`<tr key=${one.name}><td><code>${one.name}</code></td><td><code>${written(one.value)}</code></td><td class="faint">${one.changed ? html`<code>${written(one.default)}</code>` : "the same"}</td></tr>`)}</tbody></table></div>`;
  return html`<${Card} name="Settings in force" more=${html`<span class="faint small">secrets are left out</span>`}><${Problem} error=${error} />
    ${settings && (changed.length ? table(changed) : html`<${Empty}>Every setting has its default.</${Empty}>`)}
    ${settings && html`<details><summary>All ${all.length}</summary>${table(all)}</details>`}</${Card}>`;
}

export function Health() {
  const [told, wrong, again] = useAnswer(ready, []);
  const [info, wrongInfo, againInfo] = useAnswer(api.info, []);
  const [figures, , againFigures] = useAnswer(metrics, []);
  const [settings, wrongSettings] = useAnswer(api.settings, []);
  useEvery(2000, () => { again(); againInfo(); againFigures(); });
  return html`<div class="health"><h1>Health</h1><${Problem} error=${wrong || wrongInfo} />
    <${Verdict} told=${told} info=${info} />
    <div class="halves"><div class="stack"><${Partitions} info=${info} /><${Letters} figures=${figures} info=${info} /></div>
      <div class="stack"><${Processes} figures=${figures} info=${info} /><${Facts} info=${info} figures=${figures} settings=${settings} /></div></div>
    <${Settings} settings=${settings} error=${wrongSettings} /></div>`;
}
