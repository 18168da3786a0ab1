"""The routes of the HTTP endpoint; those below /v1 are in `stream.http.v1`.

    GET /recommend/{user}               items for a user
    GET /session/{item}/{item}…         items for a visitor who looked at these, the newest last
    GET /rank/{user}/{item}/{item}…     these items in the user's order
    GET /similar/{item}     GET /trending     GET /explain/{user}/{item}     GET /item/{item}
    DELETE /user/{user}     what FORGET does and replies
    GET /info               what INFO tells of the stream and the state
    GET /health/live        200 while the process lives
    GET /health/ready       200 when answers are fresh enough to be used, else 503
    GET /metrics            of all processes of the instance, for Prometheus
    GET /  GET /page/…      the page, which asks for the password itself
    /v1/…                   the same and more, and what changes something: /v1/docs tells

`stream.service.parameter` has the options of each, `stream.http.gate` who may ask.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

import structlog

from stream import metric
from stream.error import BadRequest, BadSource
from stream.event import identifier
from stream.http import problem
from stream.http.gate import Gate
from stream.http.message import HttpRequest, HttpResponse, json
from stream.http.page import Page
from stream.http.query import fits, no_options, values_of
from stream.http.question import Asked, Questions
from stream.http.target import GET, Target, Targets
from stream.http.v1.api import Api
from stream.service.access import Role
from stream.service.parameter import COMMANDS, Command
from stream.service.session import Service

log = structlog.get_logger()

METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"
HEALTH: Final = ("/health/live", "/health/ready")
WRONG: Final = "this should not have happened; the server's log says what did"
QUESTIONS: Final = ("RECOMMEND", "SESSION", "RANK", "SIMILAR", "TRENDING", "EXPLAIN", "ITEM")


class Admitted(NamedTuple):
    """What becomes of a request once its head is there: a reply at once, or a target that answers it.

    `most` is how many bytes of a body are read for it.
    """

    reply: HttpResponse | None
    target: Target | None = None
    most: int = 0


class Routes:
    """Answer requests from the backend of a service.

    Args:
        port: Of the socket, as the page tells it.
        origins: Of pages of other sites that may ask; see `Gate`.
    """

    def __init__(self, service: Service, port: int = 7878, origins: Sequence[str] = ()) -> None:
        self.service = service
        self._gate = Gate(service, origins)
        self._page = Page(port, service.access.needed, service.version)
        questions = Questions(service)
        self.api = Api(service, questions)
        self._asked: dict[str, tuple[Command, Asked]] = {
            name.lower(): (COMMANDS[name], questions.asked[name]) for name in QUESTIONS
        }
        self._forget = questions.forget

    def admit(self, request: HttpRequest) -> Admitted:
        """Decide by the head of a request whether it is answered; passwords are looked at here, once."""
        path, method = request.path, request.method
        targets = self._targets(path)
        if method == "OPTIONS" and targets:
            return Admitted(self._gate.preflight(request, _methods(targets)))
        target = targets.get(GET if method == "HEAD" else method)
        if target is None and targets:
            allowed = _methods(targets)
            return Admitted(
                problem.error(
                    path,
                    405,
                    f"{method[:20]} is not taken; wanted {' or '.join(one for one in allowed if one != 'HEAD')}",
                    ("Allow", ", ".join(allowed)),
                )
            )
        if path in HEALTH:
            return Admitted(None, target)
        refusal = self._gate.refusal(
            request, target.role if target else Role.READER, bool(target and target.open_to_all)
        )
        if refusal is not None:
            return Admitted(refusal)
        if target is None:
            told = "/v1/docs tells" if path.startswith(problem.V1) else "/ tells"
            return Admitted(problem.error(path, 404, f"nothing is at {path[:100]!r}; {told} what is"))
        refused = target.unacceptable(request) if target.unacceptable else None
        if refused is not None:
            return Admitted(problem.of(path, refused, True))
        return Admitted(None, target, target.most)

    async def answer(self, request: HttpRequest, admitted: Admitted) -> HttpResponse:
        """Return the response to a request, also where something goes wrong."""
        reply = admitted.reply
        if reply is None and admitted.target is not None:
            reply = await self._answered(request, admitted.target)
            known = self.service.access.needed and not admitted.target.open_to_all
            reply = reply._replace(known=known and request.path not in HEALTH)
        assert reply is not None
        return reply._replace(headers=(*reply.headers, *self._gate.headers(request)))

    async def _answered(self, request: HttpRequest, target: Target) -> HttpResponse:
        """The reply of a target, counted under its name."""
        began = time.perf_counter()
        try:
            reply, result = await target.answer(request), "ok"
        except (BadRequest, BadSource) as exc:
            ready = self.service.backend.ready()[0]
            reply, result = problem.of(request.path, exc, ready), "error"
        except Exception:
            log.exception("a request failed", route=target.name)
            reply, result = problem.error(request.path, 500, WRONG), "failed"
        if target.name:
            # the seconds of one that waits are not its own
            if "after=" not in request.target and target.name != "user":
                metric.request(f"http_{target.name}", result, time.perf_counter() - began)
            self.service.answered += 1
        return reply

    def _targets(self, path: str) -> Targets:
        """What is at a path, by method."""
        if path.startswith(f"{problem.V1}/"):
            return self.api.targets(path)
        if path in self._page:
            return {GET: Target("", self._shown, open_to_all=True)}
        if path in HEALTH or path == "/metrics":
            return {GET: Target("", self._watched, open_to_all=True)}
        head, *rest = path.removeprefix("/").split("/")
        if path == "/info":
            return {GET: Target("info", self._info)}
        if head == "user":
            return {"DELETE": Target("user", self._forgotten, role=Role.ADMIN)} if len(rest) == 1 else {}
        if head in self._asked and fits(self._asked[head][0], len(rest)):
            return {GET: Target(head, self._question)}
        return {}

    async def _shown(self, request: HttpRequest) -> HttpResponse:
        file = self._page.find(request.path, request.headers.get("accept-encoding", ""))
        return HttpResponse(200, file.body, file.kind, file.headers)

    async def _watched(self, request: HttpRequest) -> HttpResponse:
        path = request.path
        if path == "/health/live":
            return json(200, {"live": True})
        if path == "/health/ready":
            ready, why = self.service.backend.ready()
            return json(200 if ready else 503, {"ready": ready, "reason": why})
        metric.flush()
        return HttpResponse(200, await asyncio.to_thread(metric.page), METRICS)

    async def _info(self, request: HttpRequest) -> HttpResponse:
        no_options(request.target.partition("?")[2])
        return json(200, self.service.backend.info())

    async def _question(self, request: HttpRequest) -> HttpResponse:
        path, _, query = request.target.partition("?")
        head, *rest = path.removeprefix("/").split("/")
        command, ask = self._asked[head]
        return json(200, await ask(values_of(command, texts(rest), query)))

    async def _forgotten(self, request: HttpRequest) -> HttpResponse:
        path, _, query = request.target.partition("?")
        rest = texts(path.removeprefix("/").split("/")[1:])
        return json(200, await self._forget(values_of(COMMANDS["FORGET"], rest, query)))


def texts(parts: Sequence[str]) -> list[str]:
    """Return parts of a path as the text they stand for."""
    return [identifier.text("path", unquote_to_bytes(part)) for part in parts]


def _methods(targets: Targets) -> list[str]:
    return [method for one in targets for method in ((one, "HEAD") if one == GET else (one,))]
