"""The operations of /v1: the table that requests are routed by, and that the OpenAPI document is written from.

Questions are those of `stream.service.parameter`, below /v1; what follows is HTTP's own.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from stream.answer.lookup.request import Found, History, Neighbourhood, Person
from stream.http.problem import V1
from stream.http.reply import Described, Events, Listed, Taken, Users
from stream.service.access import Role
from stream.service.backend import About
from stream.service.parameter import COMMANDS, TABLE, Command, Parameter

GET: Final = "GET"
EVENT_STREAM: Final = "text/event-stream"
_N: Final = Parameter("k", "count", "How many, 1 to 1000.", "n", http="k", default="10")
_STRICT: Final = Parameter(
    "strict", "switch", "Take nothing where one record is wrong; false: take the others.", http="strict",
    default="true for an array, false for lines",
)  # fmt: skip
OWN: Final = (
    Command("BUSIEST", "The users with most events in the last 15 minutes.", (_N,), path="/busiest"),
    Command("NEWEST", "The newest events that are in answers, the newest first.", (_N,), path="/newest"),
    Command("INFO", "What INFO tells of the stream and the state.", (), path="/info"),
    Command("HEALTH", "Whether answers are fresh enough to be used, and why not.", (), path="/health"),
    Command("SETTINGS", "Settings in force, secrets left out, and the versions that run.", (), path="/settings"),
    Command(
        "EVENTS",
        "Send events: an object, an array of them, or a line each; gzip is taken.",
        (),
        (_STRICT,),
        "POST /events",
    ),
    Command(
        "ITEMS",
        "Say what items are: objects of item and fields, which replace all it had; null removes them.",
        (),
        (_STRICT,),
        "POST /items",
    ),
    Command(
        "WATCH",
        "A message with a user's list now and whenever it changes (server-sent events).",
        COMMANDS["RECOMMEND"].arguments,
        path="/stream/recommendations/{user}",
    ),
    Command(
        "FIGURES",
        "A message each second: pace, freshness, lag, live quality, newest events (server-sent events).",
        (),
        path="/stream/metrics",
    ),
    Command("OPENAPI", "This interface as an OpenAPI 3.1 document.", (), path="/openapi.json"),
    Command("REFERENCE", "This interface as a page to read.", (), path="/docs"),
)  # fmt: skip
REPLIES: Final[dict[str, Any]] = {
    "RECOMMEND": Listed,
    "SESSION": Listed,
    "RANK": Listed,
    "SIMILAR": Listed,
    "TRENDING": Listed,
    "EXPLAIN": dict[str, str],
    "ITEM": Described,
    "HISTORY": History,
    "GRAPH": Neighbourhood,
    "USER": Person,
    "FIND": Found,
    "BUSIEST": Users,
    "NEWEST": Events,
    "INFO": dict[str, str | int | float],
    "HEALTH": dict[str, bool | str],
    "SETTINGS": About,
    "FORGET": dict[str, str | int | list[str]],
    "EVENTS": Taken,
    "ITEMS": Taken,
    "OPENAPI": dict[str, Any],
}
LEAST: Final = {"EVENTS": Role.WRITER, "ITEMS": Role.ADMIN, "FORGET": Role.ADMIN}
MISSING: Final = ("SIMILAR", "EXPLAIN", "ITEM", "GRAPH")  # which may be about something nobody knows
STREAMS: Final = ("WATCH", "FIGURES")  # whose reply does not end
MAX_WAIT_MS: Final = 5_000  # for an event to be applied; what is between here and a client waits no longer


class Operation(NamedTuple):
    """Something to ask or to tell: `parts` is its path below /v1 without what its arguments stand for."""

    method: str
    path: str  # with /v1 and a {name} for each argument
    parts: tuple[str, ...]
    command: Command

    @property
    def name(self) -> str:
        """The name of the command."""
        return self.command.name

    @property
    def role(self) -> Role:
        """Who may do this at least."""
        return LEAST.get(self.name, Role.READER)

    @property
    def takes(self) -> bool:
        """Whether it takes a body."""
        return self.method == "POST"


def _operation(command: Command) -> Operation:
    method, _, path = command.path.rpartition(" ")
    path = V1 + path.removeprefix(V1)
    fixed = path.removeprefix(V1).partition("/{")[0]
    return Operation(method or GET, path, tuple(fixed.strip("/").split("/")), command)


OPERATIONS: Final = tuple(_operation(command) for command in (*TABLE, *OWN) if command.path)
BY_PARTS: Final[dict[tuple[str, ...], list[Operation]]] = {}
for _one in OPERATIONS:
    BY_PARTS.setdefault(_one.parts, []).append(_one)
