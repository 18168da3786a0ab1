// Search by id and title, as a combobox: arrows move, Enter goes, Escape closes.
import { api } from "./api.js";
import { html, short, to, useEffect, useRef, useState } from "./view.js";

const FOUND = 8, WAIT_MS = 120;

export function Search() {
  const [text, type] = useState(""), [found, put] = useState(null), [at, move] = useState(-1), [open, show] = useState(false), [wrong, fail] = useState("");
  const box = useRef(null);
  useEffect(() => {
    const word = text.trim();
    if (!word) { put(null); fail(""); return undefined; }
    const stop = new AbortController();
    const timer = setTimeout(() => api.find(word, FOUND, stop.signal).then(answer => { put(answer); fail(""); move(-1); show(true); }, error => { if (!stop.signal.aborted) { put(null); fail(error.message); } }), WAIT_MS);
    return () => { clearTimeout(timer); stop.abort(); };
  }, [text]);
  useEffect(() => {
    const key = event => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
      event.preventDefault();
      box.current.focus();
    };
    document.addEventListener("keydown", key);
    return () => document.removeEventListener("keydown", key);
  }, []);
  const users = (found && found.users) || [], items = (found && found.items) || [];
  const rows = [...items.map(one => ({ href: to("item", one.item), name: one.title || one.item, id: one.title ? one.item : "", kind: "item", events: one.events })),
    ...users.map(one => ({ href: to("user", one.user), name: one.user, id: "", kind: "user", events: one.events }))];
  const go = row => { location.hash = row.href; show(false); type(""); box.current.blur(); };
  const key = event => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (rows.length) move((at + (event.key === "ArrowDown" ? 1 : -1) + rows.length + (at < 0 && event.key === "ArrowUp" ? 1 : 0)) % rows.length);
    } else if (event.key === "Escape") { show(false); type(""); }
    else if (event.key === "Enter" && rows.length) { event.preventDefault(); go(rows[Math.max(0, at)]); }
  };
  const shown = open && found !== null;
  return html`<form class="search" role="search" onSubmit=${event => event.preventDefault()} onFocusOut=${event => { if (!event.currentTarget.contains(event.relatedTarget)) show(false); }}>
    <input ref=${box} type="text" role="combobox" aria-label="Search items and users by id or title" aria-expanded=${shown} aria-controls="found" aria-autocomplete="list" aria-activedescendant=${at >= 0 ? `found-${at}` : undefined}
      placeholder="Search items and users" autocomplete="off" spellcheck=${false} value=${text} onInput=${event => type(event.target.value)} onKeyDown=${key} onFocus=${() => show(true)} />
    <ul id="found" role="listbox" aria-label="Found" hidden=${!shown || !rows.length}>${rows.map((row, k) => html`<li key=${row.href} id=${`found-${k}`} role="option" aria-selected=${k === at} onMouseDown=${event => { event.preventDefault(); go(row); }} onMouseMove=${() => { if (k !== at) move(k); }}>
      <span class="kind">${row.kind}</span><span class="grow">${row.name} ${row.id && html`<span class="id">${row.id}</span>`}</span><span class="faint small number">${short(row.events)} events</span></li>`)}</ul>
    ${shown && !rows.length && html`<p class="none">Nothing begins with “${text.trim()}” or has it in its title.</p>`}
    ${wrong && html`<p class="none">${wrong}</p>`}
    <p class="unseen" role="status">${shown ? `${rows.length} found` : ""}</p></form>`;
}
