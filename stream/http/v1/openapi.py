"""The OpenAPI 3.1 document of /v1, written from the table of operations and the types of the replies.

Source: OpenAPI Specification 3.1.1, sections 4.8 (schema); JSON Schema 2020-12.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from stream.answer.request import MAX_K
from stream.event.event import KINDS
from stream.event.field import MAX_ID_BYTES
from stream.http.problem import PROBLEM
from stream.http.reply import Accepted, Problem
from stream.http.v1.body import LINES, MAX_RECORDS, OBJECTS
from stream.http.v1.intake import MOST_ITEMS
from stream.http.v1.message import KIND
from stream.http.v1.operation import MAX_WAIT_MS, MISSING, OPERATIONS, REPLIES, STREAMS, Operation
from stream.service.argument import MAX_TIMEOUT_MS, MOST_LETTERS
from stream.service.parameter import Parameter

Schema = dict[str, Any]
REF: Final = "#/components/schemas/{name}"
_ID: Final[Schema] = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_ID_BYTES,
    "pattern": r"^[^\x00-\x1f\x7f-\x9f]+$",
    "description": f"At most {MAX_ID_BYTES} bytes of UTF-8.",
}
_DURATION: Final = r"[0-9]+(\.[0-9]+)?[smhdw]"
_KIND: Final = f"({'|'.join(KINDS[:-1])})(=(forever|never|{_DURATION}))?"
_SEEN: Final = f"^(none|{_KIND}(,{_KIND})*)$"
_TIME: Final[Schema] = {
    "oneOf": [
        {"type": "integer", "minimum": 0, "description": "Milliseconds since 1970."},
        {"type": "string", "format": "date-time"},
    ],
    "description": "When it happened; left out, now (on a stream of the past, at its newest time).",
}
SCHEMAS: Final[dict[str, Schema]] = {  # of what a parameter of a kind may be
    "switch": {"anyOf": [{"type": "boolean"}, {"enum": ["", "1", "0", "yes", "no"]}]},
    "count": {"type": "integer", "minimum": 1, "maximum": MAX_K},
    "user": _ID,
    "item": _ID,
    "filter": {"type": "string"},
    "category": {"type": "string", "minLength": 1},
    "seen": {"type": "string", "pattern": _SEEN, "examples": ["purchase,like=30d", "none"]},
    "share": {"type": "number", "minimum": 0, "maximum": 1},
    "position": {"type": "string", "pattern": r"^[0-9]{1,9}:[0-9]{1,18}$", "examples": ["0:41"]},
    "timeout": {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_MS},
    "duration": {"type": "string", "pattern": f"^{_DURATION}$", "examples": ["30m", "1h", "7d"]},
    "cursor": {"type": "string", "minLength": 1, "examples": ["0"]},
    "search": {"type": "string", "minLength": 1, "maxLength": MOST_LETTERS, "pattern": r"\S"},
}
BODIES: Final[dict[str, Schema]] = {
    "Event": {
        "type": "object",
        "required": ["user", "item"],
        "description": "Somebody did something with an item.  Other fields are ignored; CloudEvents are taken, too.",
        "properties": {
            "user": {"oneOf": [_ID, {"type": "integer"}]},
            "item": {"oneOf": [_ID, {"type": "integer"}]},
            "t": _TIME,
            "type": {"enum": list(KINDS), "default": "view"},
            "value": {
                "type": "number",
                "default": 1.0,
                "description": "Below 0 it is a dislike; at most what 32 bits hold.",
            },
            "id": {
                "oneOf": [_ID, {"type": "integer"}, {"type": "null"}],
                "description": "An event that comes again with it counts once.",
            },
            "source": {"description": "Where the id is unique, as text; anything else says nothing."},
        },
        "examples": [{"user": "ann", "item": "cup-7", "type": "purchase"}],
    },
    "Description": {
        "type": "object",
        "required": ["item", "fields"],
        "additionalProperties": False,
        "description": "What an item is from now on; its fields replace all it had.",
        "properties": {
            "item": {"oneOf": [_ID, {"type": "integer"}]},
            "fields": {
                "type": ["object", "null"],
                "maxProperties": 64,
                "propertyNames": {"pattern": "^[a-z_][a-z0-9_]{0,31}$"},
                "additionalProperties": {
                    "oneOf": [
                        {"type": ["string", "number", "boolean", "null"]},
                        {"type": "array", "items": {"type": "string"}, "maxItems": 32},
                    ]
                },
            },
        },
        "examples": [{"item": "cup-7", "fields": {"title": "A cup", "category": "cups", "price": 3.5}}],
    },
}
WORDS: Final = {
    "400": "It cannot be read; `detail` says what came and what was wanted.",
    "401": "A password or a token is wanted.",
    "403": "This one may not ask this.",
    "404": "Nothing of that name is known.",
    "409": "The event that it waits for is not applied yet; ask again.",
    "405": "Another method is wanted; Allow has them.",
    "413": "It is too much for one request.",
    "415": "The body is of a kind that is not read.",
    "429": "Too many wrong passwords came from this address.",
    "500": "A fault of the server; its log says which.",
    "503": "The state is being loaded, or the log cannot be written; ask again in a moment.",
}


def document(version: str = "", locked: bool = False) -> Schema:
    """Return the document.

    Args:
        version: Of the program.
        locked: Whether a password or a token is wanted.
    """
    kinds = [one for one in REPLIES.values() if isinstance(one, type) and issubclass(one, msgspec.Struct)]
    _, components = msgspec.json.schema_components([*kinds, Accepted, Problem], ref_template=REF)
    paths, streams = dict[str, Schema](), dict[str, Schema]()
    for one in OPERATIONS:
        here = streams if one.name in STREAMS else paths
        here.setdefault(_path(one), {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Riverwalk",
            "version": version or "0",
            "summary": "Recommendations that follow the stream.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "x-streams": streams,  # 3.1 has no words for a reply that does not end, and tools wait for its end
        "components": {
            "schemas": {**components, **BODIES},
            "responses": {status: _problem(words) for status, words in WORDS.items()},
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{"basic": []}, {"bearer": []}] if locked else [],
    }


def _path(one: Operation) -> str:
    """A path as OpenAPI has it: a list at its end is written as one part, which may be repeated."""
    return one.path.replace("/{item}/{item}…", "/{item}")


def _operation(one: Operation) -> Schema:
    command = one.command
    in_path = [
        _parameter(argument, True)
        for argument in command.arguments
        if argument.required and not argument.http
    ]
    asked = [
        _parameter(argument, False) for argument in (*command.arguments, *command.options) if argument.http
    ]
    told: Schema = {
        "operationId": one.name.lower(),
        "summary": command.summary,
        "parameters": in_path + asked,
        "responses": _responses(one),
    }
    if any(argument.many for argument in command.arguments):
        told["description"] = (
            "The last part of the path may be repeated: /{item}/{item}/…, at most 1000 of them."
        )
    if one.takes:
        told["requestBody"] = _body(one)
    return told


def _parameter(one: Parameter, in_path: bool) -> Schema:
    name = one.metavar if in_path else one.http
    schema: Schema = dict(SCHEMAS[one.kind])
    if not in_path and one.many:
        empty = {"minLength": 0, "pattern": schema["pattern"].replace("+$", "*$")}  # which is no member
        schema = {"type": "array", "items": schema | empty, "maxItems": 100}
    about = one.help.replace(f"{MAX_TIMEOUT_MS}", f"{MAX_WAIT_MS}") + (
        f" Without it: {one.default}." if one.default else ""
    )
    about += f" Goes with {one.within}." if one.within else ""
    told: Schema = {
        "name": name,
        "in": "path" if in_path else "query",
        "required": in_path,
        "description": about,
        "schema": schema,
    }
    if not in_path and one.many:
        told |= {"style": "form", "explode": True}
    return told


def _responses(one: Operation) -> Schema:
    told: Schema = {"200": _reply(one)}
    if one.name == "FORGET":
        told["202"] = _reply(one, Accepted, "It is written, and will be applied.")
    if one.takes:
        told["207"] = {
            **_reply(one),
            "description": "Some records were taken; `errors` says why others were not.",
        }
    statuses = ["400", "401", "403", "405", "413", "429", "500", "503"]
    statuses += ["415"] * one.takes + ["404"] * (one.name in MISSING) + ["409"] * (one.name == "RECOMMEND")
    for status in sorted(statuses):
        told[status] = {"$ref": f"#/components/responses/{status}"}
    return told


def _reply(one: Operation, kind: Any = None, words: str = "The answer.") -> Schema:
    if one.name in STREAMS:
        return {
            "description": "Server-sent events; a comment now and then keeps the line open.",
            "content": {KIND: {"schema": {"type": "string"}}},
        }
    if one.name == "REFERENCE":
        return {"description": "A page.", "content": {"text/html": {"schema": {"type": "string"}}}}
    (schema,), _ = msgspec.json.schema_components([kind or REPLIES[one.name]], ref_template=REF)
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _problem(words: str) -> Schema:
    schema = {"$ref": REF.format(name="Problem")}
    return {"description": words, "content": {PROBLEM: {"schema": schema}}}


def _body(one: Operation) -> Schema:
    name, most = ("Event", MAX_RECORDS) if one.name == "EVENTS" else ("Description", MOST_ITEMS)
    record = {"$ref": REF.format(name=name)}
    many = {"type": "array", "items": record, "minItems": 1, "maxItems": most}
    return {
        "required": True,
        "content": {
            OBJECTS[0]: {"schema": {"oneOf": [record, many]}},
            LINES[0]: {"schema": {"type": "string", "description": f"A {name} a line."}},
        },
    }
