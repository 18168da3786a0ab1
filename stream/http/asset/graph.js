// The co-watch graph around an item: width is weight, colour is age; it fades as time passes, and a click walks on.
import { forceCenter, forceCollide, forceLink, forceManyBody, forceSimulation, forceX, forceY } from "d3-force";
import { api } from "./api.js";
import { age, Card, Empty, html, Item, Problem, titles, useAnswer, useEffect, useMemo, useRef, useState } from "./view.js";

const NEAR = 16, FADE_MS = 3000, TICKS = 160;
const AGES = [[600_000, "10 min"], [86_400_000, "day"], [7 * 86_400_000, "week"], [30 * 86_400_000, "month"], [Infinity, "older"]];
const aged = value => AGES.findIndex(([upto]) => value < upto);
const cut = (text, most) => (text.length > most ? text.slice(0, most - 1).trimEnd() + "…" : text);

/** A title in at most two lines of about so many letters. */
function lines(text, most) {
  if (text.length <= most) return [text];
  const gap = text.lastIndexOf(" ", most), at = gap > most / 3 ? gap : most;
  return [text.slice(0, at), cut(text.slice(at).trim(), most)];
}

/** Nodes and links of an answer; nodes stay where those of the answer before were. */
function drawing(answer, held, width, height) {
  const heaviest = Math.max(1e-9, ...answer.edges.map(edge => edge.weight));
  const node = (id, title, more) => ({ id, title: title || titles.held.get(id) || id, x: width / 2 + 40 * Math.cos(held.size + more.place), y: height / 2 + 40 * Math.sin(held.size + more.place), ...held.get(id), ...more, fx: null, fy: null });
  const nodes = [node(answer.item, answer.title, { place: 0, size: 17, middle: true }), ...answer.edges.map((edge, k) => node(edge.item, edge.title, { place: k + 1, size: 7 + 7 * Math.sqrt(edge.weight / heaviest), age: edge.age_ms, weight: edge.weight }))];
  const there = new Set(nodes.map(one => one.id));
  const links = answer.edges.map(edge => ({ source: answer.item, target: edge.item, weight: edge.weight, age: edge.age_ms, main: true }));
  for (const link of answer.links || []) if (there.has(link.source) && there.has(link.target)) links.push({ source: link.source, target: link.target, weight: link.weight, age: link.age_ms });
  for (const link of links) {
    link.wide = 1 + 7 * Math.sqrt(Math.min(1, link.weight / heaviest));
    link.near = Math.sqrt(Math.min(1, link.weight / heaviest));
  }
  return { nodes, links };
}

function forces({ nodes, links }, width, height) {
  const room = Math.min(width, height), pad = 34;
  const inside = () => { for (const one of nodes) { one.x = Math.max(pad + 12, Math.min(width - pad - 12, one.x)); one.y = Math.max(22, Math.min(height - pad, one.y)); } };
  return forceSimulation(nodes).alphaDecay(0.035).stop()
    .force("link", forceLink(links).id(one => one.id).distance(link => (link.main ? room * (0.42 - 0.16 * link.near) : room * 0.3)).strength(link => (link.main ? 0.5 : 0.03 + 0.05 * link.near)))
    .force("push", forceManyBody().strength(-room * 0.9))
    .force("apart", forceCollide(width < 480 ? 30 : 44))
    .force("x", forceX(width / 2).strength(one => (one.middle ? 0.6 : 0.03 * Math.min(1, height / width))))
    .force("y", forceY(height / 2).strength(one => (one.middle ? 0.6 : 0.05)))
    .force("middle", forceCenter(width / 2, height / 2).strength(0.2)).force("inside", inside);
}

/** Move nodes to where forces put them, over some frames; at once where less motion is wanted. */
function useLayout(answer, width, height) {
  const [, frame] = useState(0), held = useRef(new Map());
  const shape = answer && `${answer.item} ${answer.edges.map(edge => edge.item).sort().join(" ")} ${width}`;
  const drawn = useMemo(() => answer && width && drawing(answer, held.current, width, height), [answer, width]);
  const last = useRef("");
  useEffect(() => {
    if (!drawn) return undefined;
    const keep = () => { held.current = new Map(drawn.nodes.map(({ id, x, y }) => [id, { x, y }])); };
    const force = forces(drawn, width, height);
    const same = last.current === shape, still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    last.current = shape;
    if (same || still) { if (!same) force.tick(TICKS); keep(); frame(n => n + 1); return undefined; }
    let left = TICKS, timer = requestAnimationFrame(function step() {
      force.tick(2);
      keep();
      frame(n => n + 1);
      if ((left -= 2) > 0) timer = requestAnimationFrame(step);
    });
    return () => cancelAnimationFrame(timer);
  }, [drawn]);
  return drawn;
}

const ends = link => [link.source, link.target].map(end => (typeof end === "object" ? end : { x: 0, y: 0 }));

function Drawing({ drawn, width, height }) {
  const letters = width < 480 ? 12 : 18;
  return html`<svg class="graph" viewBox=${`0 0 ${width} ${height}`} width=${width} height=${height} role="group" aria-label="Co-watch graph; each item is a link">
    <g aria-hidden="true">${drawn.links.map(link => { const [a, b] = ends(link); return html`<line key=${`${a.id} ${b.id}`} x1=${a.x} y1=${a.y} x2=${b.x} y2=${b.y} stroke-width=${link.wide.toFixed(2)} class=${`edge age-${aged(link.age)} ${link.main ? "main" : "side"}`}><title>${`weight ${link.weight.toPrecision(3)}, ${age(link.age)} old`}</title></line>`; })}</g>
    ${drawn.nodes.map(one => {
      const words = lines(one.title, one.middle ? letters + 8 : letters);
      const told = one.middle ? one.title : `${one.title}: weight ${one.weight.toPrecision(3)}, last together ${age(one.age)} ago`;
      return html`<a key=${one.id} href=${`#/item/${encodeURIComponent(one.id)}`} class=${one.middle ? "node middle" : `node age-${aged(one.age)}`} transform=${`translate(${one.x.toFixed(1)} ${one.y.toFixed(1)})`} aria-label=${told} aria-current=${one.middle ? "page" : undefined}>
        <title>${told}</title><circle r=${one.size} />
        <text y=${one.size + 12} text-anchor="middle">${words.map((word, k) => html`<tspan x="0" dy=${k ? 12 : 0}>${word}</tspan>`)}</text></a>`;
    })}</svg>`;
}

/** The items walked over, the newest last. */
const trail = [];
function walked(id) {
  const at = trail.indexOf(id);
  if (at >= 0) trail.splice(at + 1);
  else trail.push(id);
  if (trail.length > 6) trail.shift();
}

export function Neighbourhood({ id, title }) {
  const place = useRef(null), [width, resize] = useState(0);
  const [told, error, again] = useAnswer(signal => api.graph(id, NEAR, signal), [id]);
  const answer = told && told.item === id ? told : null;
  useMemo(() => walked(id), [id]);
  useEffect(() => {
    const watch = new ResizeObserver(([one]) => resize(Math.floor(one.contentRect.width)));
    watch.observe(place.current);
    return () => watch.disconnect();
  }, []);
  useEffect(() => { const timer = setInterval(() => { if (!document.hidden) again(); }, FADE_MS); return () => clearInterval(timer); }, [id]);
  const height = Math.round(Math.max(360, Math.min(620, width * 0.72)));
  const shown = useRef(null);
  if (answer) shown.current = answer;
  const drawn = useLayout(shown.current, width, height);
  return html`<${Card} name="Taken together" kind="graphcard" more=${html`<span class="legend"><span class="faint small">last together within</span>${AGES.map(([, word], k) => html`<span key=${k} class="small"><i class=${`swatch age-${k}`}></i>${word}</span>`)}</span>`}>
    <${Problem} error=${error && error.status !== 404 ? error : null} />
    ${trail.length > 1 && html`<p class="trail small"><span class="faint">Walked: </span>${trail.map((one, k) => html`<span key=${one}>${k > 0 && html`<span class="faint" aria-hidden="true"> → </span>`}${one === id ? html`<b>${title || one}</b>` : html`<${Item} item=${one} plain=${true} />`}</span>`)}</p>`}
    <div class="canvas" ref=${place}>${drawn && (drawn.nodes.length > 1 ? html`<${Drawing} drawn=${drawn} width=${width} height=${height} />` : html`<${Empty}>Nobody has taken anything with it yet.</${Empty}>`)}</div>
    ${answer && answer.edges.length > 0 && html`<details><summary>The same as a table</summary><table class="grid"><thead><tr><th>item</th><th class="number">weight</th><th class="number">share</th><th class="number">last together</th></tr></thead>
      <tbody>${answer.edges.map(edge => html`<tr key=${edge.item}><td><${Item} item=${edge.item} title=${edge.title || ""} /></td><td class="number">${edge.weight.toPrecision(3)}</td><td class="number">${Math.round(100 * edge.share)} %</td><td class="number">${age(edge.age_ms)} ago</td></tr>`)}</tbody></table></details>`}
  </${Card}>`;
}
