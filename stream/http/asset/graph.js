// The co-watch graph around an item: width is weight, colour is age; it fades as time passes, and a click walks on.
import { forceCenter, forceCollide, forceLink, forceManyBody, forceSimulation, forceX, forceY } from "d3-force";
import { api } from "./api.js";
import { age, Card, Empty, html, Item, Problem, titles, useAnswer, useEffect, useMemo, useRef, useState } from "./view.js";

const NEAR = 16, FEW = 9, NARROW = 480, SIDE = 22, FADE_MS = 3000, TICKS = 160, PAD = 40;
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
function drawing(answer, held, side) {
  const heaviest = Math.max(1e-9, ...answer.edges.map(edge => edge.weight));
  const node = (id, title, more) => ({ id, title: title || titles.held.get(id) || id, x: side / 2 + 60 * Math.cos(2.4 * more.place), y: side / 2 + 60 * Math.sin(2.4 * more.place), ...held.get(id), ...more, fx: null, fy: null });
  const nodes = [node(answer.item, answer.title, { place: 0, size: 17, middle: true }), ...answer.edges.map((edge, k) => node(edge.item, edge.title, { place: k + 1, size: 7 + 7 * Math.sqrt(edge.weight / heaviest), age: edge.age_ms, weight: edge.weight }))];
  const there = new Set(nodes.map(one => one.id));
  const links = answer.edges.map(edge => ({ source: answer.item, target: edge.item, weight: edge.weight, age: edge.age_ms, main: true }));
  const beside = [...(answer.links || [])].sort((a, b) => b.weight - a.weight).slice(0, SIDE); // more would hide the others
  for (const link of beside) if (there.has(link.source) && there.has(link.target)) links.push({ source: link.source, target: link.target, weight: link.weight, age: link.age_ms });
  for (const link of links) {
    link.wide = 1 + (link.main ? 7 : 3) * Math.sqrt(Math.min(1, link.weight / heaviest));
    link.near = Math.sqrt(Math.min(1, link.weight / heaviest));
  }
  return { nodes, links };
}

/** Forces in a square, which is drawn as wide as there is room. */
function forces({ nodes, links }, side, narrow) {
  const inside = () => { for (const one of nodes) { one.x = Math.max(PAD, Math.min(side - PAD, one.x)); one.y = Math.max(PAD - 14, Math.min(side - PAD, one.y)); } };
  return forceSimulation(nodes).alphaDecay(0.03).stop()
    .force("link", forceLink(links).id(one => one.id).distance(link => side * (link.main ? 0.44 - 0.2 * link.near : 0.3)).strength(link => (link.main ? 0.55 : 0.02 * link.near)))
    .force("push", forceManyBody().strength(-side * 1.1))
    .force("apart", forceCollide(narrow ? 34 : 46).iterations(2))
    .force("x", forceX(side / 2).strength(one => (one.middle ? 0.8 : 0.03)))
    .force("y", forceY(side / 2).strength(one => (one.middle ? 0.8 : 0.03)))
    .force("middle", forceCenter(side / 2, side / 2).strength(0.3)).force("inside", inside);
}

/** Move nodes to where forces put them, over some frames; at once where less motion is wanted. */
function useLayout(answer, width, height) {
  const [, frame] = useState(0), held = useRef(new Map());
  const shape = answer && `${answer.item} ${answer.edges.map(edge => edge.item).sort().join(" ")} ${width}`;
  const drawn = useMemo(() => answer && width && drawing(answer, held.current, height), [answer, width]);
  const last = useRef("");
  useEffect(() => {
    if (!drawn) return undefined;
    const keep = () => { held.current = new Map(drawn.nodes.map(({ id, x, y }) => [id, { x, y }])); };
    const force = forces(drawn, height, width < NARROW);
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

/** Where something of the square stands in the drawing. */
const across = (x, width, side) => PAD + ((x - PAD) * (width - 2 * PAD)) / (side - 2 * PAD);
const ends = link => [link.source, link.target].map(end => (typeof end === "object" ? end : { x: 0, y: 0 }));

function Drawing({ drawn, width, height }) {
  const letters = width < NARROW ? 12 : 18;
  return html`<svg class="graph" viewBox=${`0 0 ${width} ${height}`} width=${width} height=${height} role="group" aria-label="Co-watch graph; each item is a link">
    <g aria-hidden="true">${drawn.links.map(link => { const [a, b] = ends(link); return html`<line key=${`${a.id} ${b.id}`} x1=${across(a.x, width, height)} y1=${a.y} x2=${across(b.x, width, height)} y2=${b.y} stroke-width=${link.wide.toFixed(2)} class=${`edge age-${aged(link.age)} ${link.main ? "main" : "side"}`}><title>${`weight ${link.weight.toPrecision(3)}, ${age(link.age)} old`}</title></line>`; })}</g>
    ${drawn.nodes.map(one => {
      const words = lines(one.title, one.middle ? letters + 8 : letters);
      const told = one.middle ? one.title : `${one.title}: weight ${one.weight.toPrecision(3)}, last together ${age(one.age)} ago`;
      return html`<a key=${one.id} href=${`#/item/${encodeURIComponent(one.id)}`} class=${one.middle ? "node middle" : `node age-${aged(one.age)}`} transform=${`translate(${across(one.x, width, height).toFixed(1)} ${one.y.toFixed(1)})`} aria-label=${told} aria-current=${one.middle ? "page" : undefined}>
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
  const narrow = width < NARROW, height = narrow ? 420 : Math.round(Math.min(620, width * 0.72));
  const held = useRef(null);
  if (answer) held.current = answer;
  const last = held.current;
  const shown = useMemo(() => last && { ...last, edges: last.edges.slice(0, narrow ? FEW : NEAR) }, [last, narrow]);
  const drawn = useLayout(shown, width, height);
  return html`<${Card} name="Taken together" kind="graphcard" more=${html`<span class="legend"><span class="faint small">last together within</span>${AGES.map(([, word], k) => html`<span key=${k} class="small"><i class=${`swatch age-${k}`}></i>${word}</span>`)}</span>`}>
    <${Problem} error=${error && error.status !== 404 ? error : null} />
    ${trail.length > 1 && html`<p class="trail small"><span class="faint">Walked: </span>${trail.map((one, k) => html`<span key=${one}>${k > 0 && html`<span class="faint" aria-hidden="true"> → </span>`}${one === id ? html`<b>${title || one}</b>` : html`<${Item} item=${one} plain=${true} />`}</span>`)}</p>`}
    <div class="canvas" ref=${place}>${drawn && (drawn.nodes.length > 1 ? html`<${Drawing} drawn=${drawn} width=${width} height=${height} />` : html`<${Empty}>Nobody has taken anything with it yet.</${Empty}>`)}</div>
    ${answer && answer.edges.length > 0 && html`<details><summary>The same as a table</summary><table class="grid"><thead><tr><th>item</th><th class="number">weight</th><th class="number">share</th><th class="number">last together</th></tr></thead>
      <tbody>${answer.edges.map(edge => html`<tr key=${edge.item}><td><${Item} item=${edge.item} title=${edge.title || ""} /></td><td class="number">${edge.weight.toPrecision(3)}</td><td class="number">${Math.round(100 * edge.share)} %</td><td class="number">${age(edge.age_ms)} ago</td></tr>`)}</tbody></table></details>`}
  </${Card}>`;
}
