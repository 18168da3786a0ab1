"""The page at `/`: a live query form and example requests, self-contained in one document."""

import base64
import hashlib
from typing import Final

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #17212b; --paper: #fbfaf7; --line: #d9d5cb; --river: #1f6f8b; --faint: #66727d }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e6e1; --paper: #14191e; --line: #333c45; --river: #6bb8d3; --faint: #94a0aa }
}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 56rem; padding: 2rem 1.25rem 4rem; font: 16px/1.5 system-ui, sans-serif;
  color: var(--ink); background: var(--paper) }
h1 { margin: 0; font-size: 1.6rem; letter-spacing: -.01em }
h2 { margin: 2.5rem 0 .5rem; font-size: 1.05rem }
p { margin: .25rem 0 }
b { font-weight: inherit }
.faint { color: var(--faint) }
form { display: flex; flex-wrap: wrap; gap: .5rem; margin-top: 1.5rem }
input, select, button { font: inherit; padding: .45rem .7rem; border: 1px solid var(--line); border-radius: .4rem;
  color: inherit; background: transparent }
input[name=about] { flex: 1 1 14rem }
input[name=k] { width: 5.5rem }
button { border-color: var(--river); background: var(--river); color: var(--paper); cursor: pointer }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 1rem; margin: 1.25rem 0 0 }
dt { font-size: .8rem; color: var(--faint) }
dd { margin: 0; font-size: 1.25rem; font-variant-numeric: tabular-nums }
label { display: flex; align-items: center; gap: .35rem }
:focus-visible { outline: 2px solid var(--river); outline-offset: 2px }
table { width: 100%; margin-top: 1rem; border-collapse: collapse }
th, td { padding: .35rem .6rem .35rem 0; border-bottom: 1px solid var(--line); text-align: left; overflow-wrap: anywhere }
th { font-weight: 500; color: var(--faint) }
th:first-child, td:first-child { width: 3rem; padding-right: 1rem }
a { color: var(--river) }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
code { font: 14px/1.6 ui-monospace, monospace }
pre { margin: .5rem 0; padding: .8rem 1rem; overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem }
"""

_SCRIPT: Final = """
const form = document.querySelector("form"), said = document.querySelector("#said"), rows = document.querySelector("tbody");
const state = document.querySelector("#state");
function cell(row, text, number) {
  const made = row.insertCell(); made.textContent = text; if (number) made.className = "number";
}
function show(answer) {
  rows.replaceChildren();
  answer.items.forEach((one, place) => {
    const row = rows.insertRow();
    cell(row, place + 1, true); cell(row, one.item); cell(row, one.reason || "");
    cell(row, Number(one.score).toPrecision(4), true);
  });
  const time = answer.as_of > 0 ? " as of " + new Date(answer.as_of).toISOString().replace("T", " ").slice(0, 19) : "";
  said.textContent = answer.items.length + " items" + time;
}
async function ask() {
  const what = form.what.value, k = encodeURIComponent(form.k.value), id = encodeURIComponent(form.about.value);
  form.about.disabled = what === "trending"; form.seen.disabled = what !== "recommend";
  if (what !== "trending" && !form.about.value) { rows.replaceChildren(); said.textContent = ""; return; }
  const path = what === "trending" ? "trending" : (what === "alltime" ? "similar" : what) + "/" + id;
  const seen = what === "recommend" && form.seen.checked ? "&include_seen=true" : what === "alltime" ? "&alltime=true" : "";
  try {
    const reply = await fetch("/" + path + "?k=" + k + seen), answer = await reply.json();
    if (reply.ok) show(answer); else { rows.replaceChildren(); said.textContent = answer.error; }
  } catch (problem) { said.textContent = "no answer: " + problem.message; }
}
const whole = new Intl.NumberFormat("en");
let before = null;
function put(id, value) { document.querySelector("#" + id).textContent = value; }
function count(info) {
  const now = performance.now();
  for (const name of ["applied_events", "lag", "users", "items", "edges"])
    if (name in info) put(name, whole.format(info[name]));
  if ("applied_events" in info) {
    if (before && now > before.at)
      put("rate", whole.format(Math.max(0, Math.round((info.applied_events - before.events) * 1000 / (now - before.at)))));
    before = { events: info.applied_events, at: now };
  }
  const mrr = info["live_mrr_" + info.ranker], recall = info["live_recall10_" + info.ranker];
  if (mrr != null && recall != null) { put("mrr", mrr.toFixed(3)); put("recall", (100 * recall).toFixed(1) + " %"); }
}
async function look() {
  try {
    const reply = await fetch("/health/ready"), told = await reply.json();
    state.textContent = told.ready ? "ready" : "not ready: " + (told.reason || told.error);
    const info = await fetch("/info");
    if (info.ok) count(await info.json());
  } catch (problem) { state.textContent = "does not answer"; }
}
form.addEventListener("submit", event => { event.preventDefault(); ask(); });
form.what.addEventListener("change", ask); form.seen.addEventListener("change", ask);
document.querySelectorAll("b").forEach(host => { host.textContent = location.origin; });
look(); ask();
setInterval(look, 2000);
setInterval(() => { if (document.querySelector("#live").checked && !document.hidden) ask(); }, 1000);
"""

_BODY: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Riverwalk</title>
<link rel="icon" href="data:,">
<style>%STYLE%</style>
</head>
<body>
<h1>Riverwalk</h1>
<p class="faint">Recommendations that follow the stream. This instance: <span id="state">…</span></p>
<dl aria-label="The stream now">
<div><dt>events applied</dt><dd id="applied_events">–</dd></div>
<div><dt>events a second</dt><dd id="rate">–</dd></div>
<div><dt>events waiting</dt><dd id="lag">–</dd></div>
<div><dt>users</dt><dd id="users">–</dd></div>
<div><dt>items</dt><dd id="items">–</dd></div>
<div><dt>edges</dt><dd id="edges">–</dd></div>
<div><dt>live MRR</dt><dd id="mrr">–</dd></div>
<div><dt>live Recall@10</dt><dd id="recall">–</dd></div>
</dl>
<form>
<select name="what" aria-label="What to ask">
<option value="recommend">recommend to user</option>
<option value="similar">similar to item</option>
<option value="alltime">similar to item, all time</option>
<option value="trending" selected>trending</option>
</select>
<input name="about" placeholder="user or item" aria-label="User or item" autocomplete="off">
<input name="k" type="number" value="10" min="1" max="1000" aria-label="How many">
<button>Ask</button>
<label><input type="checkbox" name="seen"> items the user had, too</label>
<label><input type="checkbox" id="live" checked> keep asking</label>
</form>
<table>
<thead><tr><th class="number">#</th><th>item</th><th>why</th><th class="number">score</th></tr></thead>
<tbody></tbody>
</table>
<p class="faint" id="said" role="status"></p>
<h2>From a terminal</h2>
<pre><code>curl '<b>http://127.0.0.1:7879</b>/recommend/<i>user</i>?k=5'
curl '<b>http://127.0.0.1:7879</b>/similar/<i>item</i>?k=5'
curl '<b>http://127.0.0.1:7879</b>/trending?k=5&amp;half_life=1h'
curl '<b>http://127.0.0.1:7879</b>/explain/<i>user</i>/<i>item</i>'
curl '<b>http://127.0.0.1:7879</b><a href="/metrics">/metrics</a>'   # for Prometheus
curl '<b>http://127.0.0.1:7879</b><a href="/health/ready">/health/ready</a>'</code></pre>
<p>The socket speaks the Redis protocol, so any Redis client will do:</p>
<pre><code>redis-cli -p 7878 RECOMMEND <i>user</i> 5 WITHSCORES WITHREASONS
redis-cli -p 7878 EVENT <i>user</i> <i>item</i> purchase
redis-cli -p 7878 EXPLAIN <i>user</i> <i>item</i>
redis-cli -p 7878 INFO</code></pre>
<script>%SCRIPT%</script>
</body>
</html>
"""


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


POLICY: Final = (
    f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page(port: int) -> bytes:
    """The page; `port` is that of the Redis socket."""
    text = _BODY.replace("%STYLE%", _STYLE).replace("%SCRIPT%", _SCRIPT)
    return text.replace("-p 7878", f"-p {port}").encode()
