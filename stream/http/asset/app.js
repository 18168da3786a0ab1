// The shell: addresses, the bar with search and state, the theme, and the password where one is wanted.
import { login, ready } from "./api.js";
import { feed, start } from "./feed.js";
import { Health } from "./health.js";
import { Home, useEvery } from "./home.js";
import { ItemView } from "./item.js";
import { Playground } from "./playground.js";
import { Search } from "./search.js";
import { UserView } from "./user.js";
import { api } from "./api.js";
import { Card, html, render, setup, to, useAnswer, useEffect, useRef, useState } from "./view.js";

const VIEWS = { "": "Home", user: "User", item: "Item", playground: "Playground", health: "Health" };
const THEMES = ["auto", "light", "dark"], THEME = "riverwalk.theme", LAST = "riverwalk.last.";

/** The address as a view and an id: `#/user/17841`. */
function address() {
  const [, view = "", ...rest] = location.hash.replace(/^#/, "").split("/");
  let id = rest.join("/");
  try { id = decodeURIComponent(id); } catch { /* as it is */ }
  return { view: view in VIEWS ? view : "", id };
}

function useAddress() {
  const [at, go] = useState(address());
  useEffect(() => {
    const change = () => { const next = address(); if (next.id) sessionStorage.setItem(LAST + next.view, next.id); go(next); };
    change();
    window.addEventListener("hashchange", change);
    return () => window.removeEventListener("hashchange", change);
  }, []);
  return at;
}

function dress(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  window.dispatchEvent(new Event("riverwalk-theme"));
}
function Theme() {
  const [theme, choose] = useState(localStorage.getItem(THEME) || "auto");
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  const turn = () => { localStorage.setItem(THEME, next); dress(next); choose(next); };
  return html`<button type="button" class="quiet theme" onClick=${turn} aria-label=${`Theme: ${theme}; switch to ${next}`} title=${`Theme: ${theme}`}><span aria-hidden="true">${{ auto: "◐", light: "☀", dark: "☾" }[theme]}</span></button>`;
}

function State() {
  const [told, error, again] = useAnswer(ready, []);
  useEvery(3000, again);
  const word = error ? "no answer" : !told ? "…" : told.ready ? "ready" : "not ready";
  return html`<a href=${to("health")} class=${"state " + (word === "ready" ? "good" : word === "…" ? "" : "bad")} title=${told && !told.ready ? told.reason : ""}><span class="dot" aria-hidden="true"></span>${word}</a>`;
}

function Login({ wrong }) {
  const [user, name] = useState("default"), [password, type] = useState("");
  const box = useRef(null);
  useEffect(() => box.current.focus(), []);
  return html`<main class="login" id="main"><${Card} name="This instance wants a password"><form onSubmit=${event => { event.preventDefault(); login.give(user, password); }}>
    <p class="faint">It is that of the socket: <code>serve.password</code> for user default; reader and writer may have their own. It is kept in this tab until it is closed.</p>
    ${wrong && html`<p class="problem" role="alert">That user and password do not fit.</p>`}
    <div class="control"><label for="user">User</label><input id="user" autocomplete="username" value=${user} onInput=${event => name(event.target.value)} /></div>
    <div class="control"><label for="password">Password</label><input id="password" ref=${box} type="password" autocomplete="current-password" value=${password} onInput=${event => type(event.target.value)} /></div>
    <button class="act">Go on</button></form></${Card}></main>`;
}

/** Where no id is given: the one that was looked at last, or one to begin with. */
function Choose({ view }) {
  const last = sessionStorage.getItem(LAST + view);
  const [found, error] = useAnswer(async signal => {
    if (last) return last;
    if (view === "item") return (await api.trending({ k: 1 }, signal)).items.map(one => one.item)[0];
    return ((await api.busiest(1, signal)).users || []).map(one => one.user)[0] || feed.newest.map(one => one.user)[0];
  }, [view]);
  useEffect(() => { if (found) location.replace(to(view, found)); }, [found]);
  const what = view === "user" ? "a user" : "an item";
  return html`<h1>${VIEWS[view]}</h1><p class="faint">${error ? error.message : `Search for ${what} above, or follow a link from Home.`}</p>`;
}

const view = ({ view, id }) => {
  if (view === "user") return id ? html`<${UserView} key=${id} id=${id} />` : html`<${Choose} view="user" />`;
  if (view === "item") return id ? html`<${ItemView} id=${id} />` : html`<${Choose} view="item" />`;
  return html`<${{ "": Home, playground: Playground, health: Health }[view]} />`;
};

function App() {
  const at = useAddress(), main = useRef(null), first = useRef(true);
  const [locked, lock] = useState({ shown: setup.locked && !login.given, wrong: false, round: 0 });
  useEffect(() => {
    const change = refused => {
      if (refused) { lock(before => ({ shown: true, wrong: login.given, round: before.round })); if (feed.stop) feed.stop.abort(); return; }
      lock(before => ({ shown: false, wrong: false, round: before.round + 1 }));
      start();
    };
    login.heard.add(change);
    if (!setup.locked || login.given) start();
    return () => login.heard.delete(change);
  }, []);
  useEffect(() => {
    const name = VIEWS[at.view] + (at.id ? ` ${at.id}` : "");
    document.title = at.view ? `${name} · Riverwalk` : "Riverwalk";
    if (first.current) { first.current = false; return; }
    scrollTo(0, 0);
    if (main.current) main.current.focus({ preventScroll: true });
  }, [at.view, at.id]);
  return html`<a class="skip" href="#main" onClick=${event => { event.preventDefault(); main.current && main.current.focus(); }}>To the content</a>
    <header class="top"><div class="bar"><a class="mark" href="#/"><img src=${new URL("mark.svg", import.meta.url).href} alt="" width="26" height="26" /> Riverwalk</a>
      <nav aria-label="Views">${Object.entries(VIEWS).map(([name, word]) => html`<a key=${name} href=${to(name)} aria-current=${at.view === name ? "page" : undefined}>${word}</a>`)}</nav>
      ${!locked.shown && html`<${Search} /><${State} />`}<${Theme} /></div></header>
    ${locked.shown ? html`<${Login} wrong=${locked.wrong} />` : html`<main id="main" ref=${main} tabindex="-1" key=${locked.round}>${view(at)}</main>`}`;
}

dress(localStorage.getItem(THEME) || "auto");
render(html`<${App} />`, document.getElementById("app"));
