"""The routes of /v1, by the table of `stream.http.v1.operation`."""

from __future__ import annotations

from functools import partial
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from stream.error import BadRequest
from stream.event import identifier
from stream.http.message import Feed, HttpRequest, HttpResponse, Line, json
from stream.http.problem import V1
from stream.http.query import fits, values_of
from stream.http.question import Questions
from stream.http.reply import Accepted
from stream.http.target import Target, Targets
from stream.http.v1.body import MAX_BODY, in_lines, unacceptable
from stream.http.v1.figure import Figures
from stream.http.v1.intake import Intake
from stream.http.v1.message import KIND
from stream.http.v1.openapi import document
from stream.http.v1.operation import BY_PARTS, MAX_WAIT_MS, Operation
from stream.http.v1.reference import POLICY, page
from stream.http.v1.watch import Watches
from stream.service.session import Late, Service

HTML: Final = "text/html; charset=utf-8"
LAST: Final = "last-event-id"


class Api:
    """Answers what is asked and told below /v1."""

    def __init__(self, service: Service, questions: Questions) -> None:
        self._service, self._questions = service, questions
        self._intake = Intake(service)
        self.figures = Figures(service.backend, service.clock)
        self.watches = Watches(service, service.subscriptions)
        self._document = document(service.version, service.access.needed)
        self._reference = page(self._document)

    def begin(self) -> None:
        """Begin to take figures."""
        self.figures.begin()
        self.watches.begin()

    def close(self) -> None:
        """End what streams."""
        self.figures.close()
        self.watches.close()

    def targets(self, path: str) -> Targets:
        """Return what is at a path, by method."""
        parts = path.removeprefix(f"{V1}/").split("/")
        for fixed in (2, 1):
            found = [
                one for one in BY_PARTS.get(tuple(parts[:fixed]), ()) if fits(one.command, len(parts) - fixed)
            ]
            if found:
                return {one.method: self._target(one, parts[fixed:]) for one in found}
        return {}

    def _target(self, operation: Operation, rest: list[str]) -> Target:
        answer = partial(self._answer, operation, rest)
        if operation.takes:
            return Target(operation.name.lower(), answer, operation.role, False, MAX_BODY, unacceptable)
        return Target(operation.name.lower(), answer, operation.role)

    async def _answer(self, operation: Operation, rest: list[str], request: HttpRequest) -> HttpResponse:
        parts = [identifier.text("path", unquote_to_bytes(part)) for part in rest]
        command, name = operation.command, operation.name
        values = values_of(command, parts, request.target.partition("?")[2])
        if name in ("EVENTS", "ITEMS"):
            take = self._intake.events if name == "EVENTS" else self._intake.items
            return await take(request, values.get("strict", not in_lines(request)))
        if name == "FIGURES":
            return self._streamed(
                Fed(partial(self.figures.enter, last=request.headers.get(LAST, "")), self.figures.leave)
            )
        if name == "WATCH":
            return self._streamed(self.watches.feed(values, request.headers.get(LAST, "")))
        if name == "OPENAPI":
            return json(200, self._document)
        if name == "REFERENCE":
            return HttpResponse(200, self._reference, HTML, (("Content-Security-Policy", POLICY),))
        if any(one.field == "with_meta" for one in command.options):
            values = {"with_meta": True} | values
        for one in command.options:
            if one.kind == "timeout" and values.get(one.field, 0) > MAX_WAIT_MS:
                raise BadRequest(
                    f"{one.http} is {values[one.field]}; wanted milliseconds, 0 to {MAX_WAIT_MS}: ask again instead"
                )
        try:
            return json(200, await self._questions.asked[name](values))
        except Late as exc:
            if name != "FORGET":
                raise
            return json(202, Accepted(values["user"], str(exc)))

    def _streamed(self, feed: Feed) -> HttpResponse:
        return HttpResponse(200, kind=KIND, headers=(("X-Accel-Buffering", "no"),), feed=feed)


class Fed:
    """A feed of one who sends to lines that enter and leave."""

    def __init__(self, enter: Any, leave: Any) -> None:
        self._enter, self._leave = enter, leave
        self._line: Line | None = None

    def open(self, line: Line) -> None:
        """Begin to send."""
        self._line = line
        self._enter(line)

    def close(self) -> None:
        """The client has left."""
        if self._line is not None:
            self._leave(self._line)
