"""`riverwalk top`: the live view on any running instance; it only asks."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from rich.console import Console

from deploy.client.client import BadAnswer, Client
from deploy.client.gauge import Gauge, Reading
from deploy.client.web import get_object
from deploy.config.schema import Config, Serve
from deploy.demo import screen
from deploy.demo.follow import Follow, Pick
from deploy.demo.live import FRAME_S, watch
from deploy.terminal.progress import lively
from stream.event.event import Event

ASK_S: Final = 1.0
BUSY_S: Final = 5.0  # how often the busiest users are asked for
LINE_S: Final = 3.0
KEYS: Final = (("n", "next user"), ("q", "quit"))


class Top:
    """What an instance tells of itself, and one of its users.

    Args:
        users: Those to look at; without any the busiest ones, and where nobody is busy what everybody takes.
    """

    def __init__(self, serve: Serve, users: Sequence[str] = ()) -> None:
        self._serve, self._gauge = serve, Gauge(serve)
        self._titles: dict[str, str] = {}
        self._follow, self._given = Follow(users, self._titles), bool(users)
        self._reading, self._rates = Reading({}), deque[float](maxlen=240)
        self._asked = self._looked = 0.0
        self._newest: dict[str, list[tuple[str, int]]] = {}  # user -> the last items and when, as was told
        self._trending: tuple[Pick, ...] = ()
        self._answers = True

    def snapshot(self) -> screen.Snapshot:
        """Return what is shown now."""
        reading = self._gauge.read()
        self._answers = reading is not None
        if reading is not None:
            self._reading = reading
            self._rates.append(reading.events_per_s)
            self._refresh(time.monotonic())
        user, info = self._follow.user, self._reading.info
        return screen.Snapshot(
            source=f"{self._serve.host}:{self._serve.port}, riverwalk {info.get('version', '–')}",
            elapsed_s=float(self._reading.number("uptime_seconds")),
            sent=self._reading.number("applied_events"),
            total=0,
            reading=self._reading,
            rates=tuple(self._rates),
            fresh_p50=self._gauge.freshness.percentile_ms(0.5),
            fresh_p99=self._gauge.freshness.percentile_ms(0.99),
            user=user,
            taken=tuple(self._follow.taken()),
            picks=tuple(self._follow.picks) if user else self._trending,
            changes=self._follow.changes,
            note="" if self._answers else "it does not answer; trying again",
            listed="user" if user else "",
            keys=KEYS if user else KEYS[1:],
        )

    def over(self) -> bool:
        """It goes on as long as one looks."""
        return False

    def press(self, key: str) -> None:
        """Do what a key stands for."""
        if key == "n":
            self._follow.next()
            self._asked = 0.0

    def close(self) -> None:
        """Hang up."""
        self._gauge.close()

    def _refresh(self, now: float) -> None:
        """Ask what is due."""
        if not self._given and now - self._looked > BUSY_S:
            self._looked = now
            found = get_object(self._serve, "/v1/busiest?k=20").get("users") or []
            self._follow.add([str(one["user"]) for one in found if isinstance(one, dict) and "user" in one])
        if now - self._asked < ASK_S:
            return
        self._asked = now
        try:
            if self._follow.user:
                self._ask_user(self._follow.user)
            else:
                self._ask_trending()
        except BadAnswer:
            self._answers = False

    def _ask_user(self, user: str) -> None:
        path = f"/v1/history/{quote(user, safe='')}?k=3"
        told = [one for one in get_object(self._serve, path).get("items") or [] if isinstance(one, dict)]
        now = [(str(one.get("item", "")), int(one.get("t") or 0)) for one in told]
        for item, t in reversed(now):
            if (item, t) not in self._newest.get(user, ()):
                self._title(item)
                self._follow.see(Event(user, item, t))
        self._newest[user] = now
        reply = self._gauge.ask("RECOMMEND", user, 5, "WITHREASONS")
        if isinstance(reply, list) and len(reply) % 2 == 0:
            for item in reply[::2]:
                self._title(str(item))
            self._follow.note([str(item) for item in reply[::2]], [str(reason) for reason in reply[1::2]])

    def _ask_trending(self) -> None:
        reply = self._gauge.ask("TRENDING", 5)
        found = [str(item) for item in reply] if isinstance(reply, list) else []
        for item in found:
            self._title(item)
        self._trending = tuple(Pick(self._follow.title(item), ("", "", ""), 0, item) for item in found)

    def _title(self, item: str) -> None:
        """Learn what an item is called, once."""
        if item in self._titles:
            return
        reply = self._gauge.ask("ITEM", item)
        if isinstance(reply, list):
            reply = {str(name): value for name, value in zip(reply[::2], reply[1::2], strict=False)}
        title = reply.get("title") if isinstance(reply, dict) else None
        self._titles[item] = str(title or item)


def run(
    config: Config, users: Sequence[str], *, for_seconds: float | None = None, plain: bool = False
) -> None:
    """Show an instance until the person quits.

    Args:
        users: Those to look at.
        for_seconds: End by itself.
        plain: Lines instead of a screen; lines are also what a file or a pipe gets.

    Raises:
        BadAnswer: None answers.
    """
    Client(config.serve).close()
    console, top = Console(), Top(config.serve, users)
    until = time.monotonic() + for_seconds if for_seconds is not None else float("inf")
    try:
        if lively(console) and not plain:
            watch(top, console, until, lambda _: False, lambda: None)
            return
        said = 0.0
        while time.monotonic() < until:
            shot = top.snapshot()
            if time.monotonic() - said > LINE_S:
                said = time.monotonic()
                print(screen.line(shot), flush=True)
            time.sleep(FRAME_S)
    except KeyboardInterrupt:
        pass
    finally:
        top.close()
