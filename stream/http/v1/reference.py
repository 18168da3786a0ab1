"""The reference page of /v1: the OpenAPI document as one page to read, without a script and without another request."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from typing import Any, Final

Schema = dict[str, Any]
_STYLE: Final = """
:root { color-scheme: light dark; --ink: #17212b; --paper: #fbfaf7; --line: #87837a; --river: #1a6079; --faint: #55606a }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e6e1; --paper: #14191e; --line: #6b7680; --river: #6bb8d3; --faint: #a3aeb8 }
}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem 4rem; font: 16px/1.55 system-ui, sans-serif;
  color: var(--ink); background: var(--paper) }
h1 { margin: 0; font-size: 1.6rem }
h2 { margin: 2.5rem 0 .25rem; font-size: 1.05rem; overflow-wrap: anywhere }
a { color: var(--river) }
code, h2 { font-family: ui-monospace, monospace }
code { font-size: .9em; overflow-wrap: anywhere }
p { margin: .25rem 0 .75rem }
.faint { color: var(--faint) }
.method { color: var(--river) }
nav ul { columns: 22rem; padding-left: 1rem; overflow-wrap: anywhere; font-family: ui-monospace, monospace; font-size: .9rem }
div.scroll { overflow-x: auto }
table { width: 100%; border-collapse: collapse; font-size: .95rem }
th, td { padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
td:first-child { white-space: nowrap }
th { font-weight: 500; color: var(--faint) }
pre { padding: .8rem 1rem; overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem }
:focus-visible { outline: 2px solid var(--river); outline-offset: 2px }
"""
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEAD: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Riverwalk: HTTP reference</title>
<link rel="icon" href="data:,">
<style>%STYLE%</style>
</head>
<body>
<main>
<h1>HTTP reference</h1>
<p>Every operation of <code>/v1</code>. <a href="/v1/openapi.json">The same as an OpenAPI 3.1 document</a>, for tools.
<a href="/">The page of this instance</a>.</p>
<p class="faint">Errors are <code>application/problem+json</code>; <code>detail</code> says what came and what was wanted.
With a password set: <code>curl -u default:PASSWORD</code>, or <code>Authorization: Bearer TOKEN</code>.</p>
"""


def page(document: Schema) -> bytes:
    """Return the page of a document."""
    operations = [
        (path, method, told)
        for path, methods in {**document["paths"], **document["x-streams"]}.items()
        for method, told in methods.items()
    ]
    links = "".join(
        f'<li><a href="#{told["operationId"]}">{method.upper()} {escape(path)}</a></li>'
        for path, method, told in operations
    )
    parts = [_section(path, method, told, document) for path, method, told in operations]
    types = [_type(name, schema) for name, schema in sorted(document["components"]["schemas"].items())]
    body = (
        f'<nav aria-label="Operations"><ul>{links}</ul></nav>{"".join(parts)}<h1>Types</h1>{"".join(types)}'
    )
    return f"{_HEAD.replace('%STYLE%', _STYLE)}{body}</main></body></html>\n".encode()


def _section(path: str, method: str, told: Schema, document: Schema) -> str:
    rows = [(one["name"], one["in"], _kind(one["schema"]), one["description"]) for one in told["parameters"]]
    statuses = [(status, _words(one, document)) for status, one in told["responses"].items()]
    extra = f"<p>{escape(told['description'])}</p>" if "description" in told else ""
    return (
        f'<section id="{told["operationId"]}"><h2><span class="method">{method.upper()}</span> {escape(path)}</h2>'
        f"<p>{escape(told['summary'])}</p>{extra}<pre><code>{escape(_curl(path, method, told))}</code></pre>"
        + (_table(("parameter", "in", "type", "what it says"), rows) if rows else "")
        + _table(("status", "when"), statuses)
        + "</section>"
    )


def _words(one: Schema, document: Schema) -> str:
    if "$ref" in one:
        one = document["components"]["responses"][one["$ref"].rpartition("/")[2]]
    kinds = [_kind(kind["schema"]) or name for name, kind in one["content"].items()]
    return f"{one['description']} ({', '.join(kinds)})"


def _curl(path: str, method: str, told: Schema) -> str:
    host = f"127.0.0.1:7879{path}"
    if method == "post":
        what = (
            '{"user": "ann", "item": "cup-7"}'
            if path.endswith("events")
            else '{"item": "cup-7", "fields": {"title": "A cup"}}'
        )
        return f"curl --json '{what}' {host}"
    return f"curl {'-X DELETE ' if method == 'delete' else ''}'{host}'"


def _kind(schema: Schema) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:  # no text says the same as true
        return ", ".join(str(one) for one in schema["enum"] if one != "")
    for name in ("oneOf", "anyOf"):
        if name in schema:
            return " or ".join(dict.fromkeys(_kind(one) for one in schema[name]))
    kind = schema.get("type", "any")
    if kind == "array":
        return f"array of {_kind(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_kind(schema['additionalProperties'])}"
    least, most = schema.get("minimum"), schema.get("maximum")
    span = f" {least:g} to {most:g}" if least is not None and most is not None else ""
    return (" or ".join(kind) if isinstance(kind, list) else str(kind)) + span


def _type(name: str, schema: Schema) -> str:
    rows = [
        (
            field,
            _kind(one) + ("" if field in schema.get("required", ()) else ", may be left out"),
            one.get("description", ""),
        )
        for field, one in schema.get("properties", {}).items()
    ]
    about = escape(str(schema.get("description", "")))
    return f'<section id="type-{escape(name)}"><h2>{escape(name)}</h2><p>{about}</p>{_table(("field", "type", ""), rows)}</section>'


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    top = "".join(f'<th scope="col">{escape(one)}</th>' for one in head)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td>{'<code>' * (k == 0)}{escape(str(one))}{'</code>' * (k == 0)}</td>"
            for k, one in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(head[0])}"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
