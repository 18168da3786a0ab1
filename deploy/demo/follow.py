"""Follow one user: the last items, the recommendations now, and how they moved."""

import re
import threading
from collections import deque

import msgspec

from deploy.client.client import BadAnswer
from deploy.client.gauge import Gauge
from stream.answer.reason import DID, did
from stream.event.event import Event

BECAUSE = re.compile(
    rf"because you (?:{'|'.join([*DID.values(), did(-1)])}) (.+) (?:just now|yesterday|\d+ \w+ ago): .*"
)


class Taken(msgspec.Struct, frozen=True):
    """An item the user took, at event time `t` in milliseconds."""

    title: str
    t: int


class Pick(msgspec.Struct, frozen=True):
    """A recommended item; `moved` is how many positions it rose since the user's last event, None when it is new."""

    title: str
    reason: str
    moved: int | None = 0


class Follow:
    """The followed user; the producer calls `see`, the screen `refresh`."""

    def __init__(self, user: str, titles: dict[str, str]) -> None:
        self.user = user
        self.seen = 0  # events of the user
        self.changes = 0  # times the recommendations were other than before
        self.picks: list[Pick] = []
        self._titles = titles
        self.item = ""  # taken last
        self._taken: deque[Taken] = deque(maxlen=3)
        self._lock = threading.Lock()
        self._items: list[str] = []
        self._before: list[str] = []  # as recommended before the last event
        self._noted = 0

    def see(self, event: Event) -> None:
        """Record an event if it is the user's."""
        if event.user == self.user:
            with self._lock:
                self._taken.append(Taken(self.title(event.item), event.t))
                self.item = event.item
                self.seen += 1

    def taken(self) -> list[Taken]:
        """The last three items, the newest first."""
        with self._lock:
            return list(reversed(self._taken))

    def refresh(self, gauge: Gauge) -> None:
        """Ask what is recommended now; keeps the last answer when there is none."""
        try:
            reply = gauge.ask("RECOMMEND", self.user, 5, "WITHREASONS")
        except BadAnswer:
            return
        if isinstance(reply, list) and len(reply) % 2 == 0:
            self.note([str(item) for item in reply[::2]], [str(reason) for reason in reply[1::2]])

    def note(self, items: list[str], reasons: list[str]) -> None:
        """Take in an answer: items, best first, with a reason each."""
        self.changes += bool(self._items) and items != self._items
        if self.seen != self._noted:
            self._before, self._noted = self._items, self.seen
        self._items = items
        self.picks = [
            Pick(self.title(item), self.readable(reason), self._moved(item, place))
            for place, (item, reason) in enumerate(zip(items, reasons, strict=True))
        ]

    def title(self, item: str) -> str:
        """What an item is called, without shouting; its id when it has no title."""
        title = " ".join(self._titles.get(item, item).split())
        loud = sum(letter.isupper() for letter in title) > sum(letter.islower() for letter in title)
        return title.capitalize() if loud and item in self._titles else title

    def readable(self, reason: str) -> str:
        """A reason in short: the title of the item that led here, if it is one."""
        led = BECAUSE.fullmatch(reason)
        return self.title(led[1]) if led else reason

    def _moved(self, item: str, place: int) -> int | None:
        if not self._before:
            return 0
        return self._before.index(item) - place if item in self._before else None
