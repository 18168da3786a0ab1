"""Follow one user of several: the last items, the recommendations now, and how they moved."""

import re
import threading
from collections import deque
from collections.abc import Sequence

import msgspec

from deploy.client.client import BadAnswer
from deploy.client.gauge import Gauge
from stream.answer.reason import DID, did
from stream.event.event import Event

BECAUSE = re.compile(
    rf"because you ({'|'.join([*DID.values(), did(-1)])}) (.+) (just now|yesterday|\d+ \w+ ago): (.*)"
)


class Taken(msgspec.Struct, frozen=True):
    """An item the user took, at event time `t` in milliseconds."""

    title: str
    t: int


class Pick(msgspec.Struct, frozen=True):
    """A recommended item; `moved` is how many positions it rose since the user's last event, None when it is new.

    `reason` may be in three parts, of which the one in the middle, a title, may be cut.
    """

    title: str
    reason: tuple[str, str, str]
    moved: int | None = 0
    item: str = ""


class Follow:
    """The followed user; the producer calls `see`, the screen `refresh`.

    Args:
        users: Those that can be followed, the first of them to begin with.
        titles: What items are called.
    """

    def __init__(self, users: Sequence[str], titles: dict[str, str]) -> None:
        self.user = users[0] if users else ""
        self.changes = 0  # times the recommendations were other than before
        self.picks: list[Pick] = []
        self._users = list(dict.fromkeys(users))
        self._titles = titles
        self._last: dict[str, deque[Event]] = {user: deque(maxlen=3) for user in self._users}
        self._seen = dict.fromkeys(self._users, 0)
        self._lock = threading.Lock()
        self._items: list[str] = []
        self._before: list[str] = []  # as recommended before the last event
        self._noted = 0

    @property
    def item(self) -> str:
        """What the user took last; empty for nothing."""
        with self._lock:
            last = self._last.get(self.user)
            return last[-1].item if last else ""

    def add(self, users: Sequence[str]) -> None:
        """Let more users be followed."""
        for user in users:
            if user not in self._last:
                self._users.append(user)
                self._last[user], self._seen[user] = deque(maxlen=3), 0
        self.user = self.user or next(iter(self._users), "")

    def see(self, event: Event) -> None:
        """Record an event if it is of one of the users."""
        if event.user in self._last:
            with self._lock:
                self._last[event.user].append(event)
                self._seen[event.user] += 1

    def taken(self) -> list[Taken]:
        """The last three items, the newest first."""
        with self._lock:
            return [Taken(self.title(one.item), one.t) for one in reversed(self._last.get(self.user, ()))]

    def next(self) -> None:
        """Follow the next user who has taken something, of the others the next one."""
        at = self._users.index(self.user) if self.user in self._users else -1
        others = [*self._users[at + 1 :], *self._users[: max(at, 0)]]
        if not others:
            return
        self.user = next((user for user in others if self._seen[user]), others[0])
        self.picks, self._items, self._before = [], [], []
        self.changes, self._noted = 0, self._seen[self.user]

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
        seen = self._seen.get(self.user, 0)
        if seen != self._noted:
            self._before, self._noted = self._items, seen
        self._items = items
        self.picks = [
            Pick(self.title(item), self.readable(reason), self._moved(item, place), item)
            for place, (item, reason) in enumerate(zip(items, reasons, strict=True))
        ]

    def title(self, item: str) -> str:
        """What an item is called, without shouting; its id when it has no title."""
        return _quiet(self._titles[item]) if item in self._titles else item

    def readable(self, reason: str) -> tuple[str, str, str]:
        """A reason in short: what was done, the title of the item that led here, and when."""
        led = BECAUSE.fullmatch(reason)
        if led is None:
            return reason, "", ""
        return f"{led[1]} ", _quiet(self._titles.get(led[2], led[2])), f" {led[3]}"

    def _moved(self, item: str, place: int) -> int | None:
        if not self._before:
            return 0
        return self._before.index(item) - place if item in self._before else None


def _quiet(title: str) -> str:
    """A title in one line; one in capitals without them."""
    line = " ".join(title.split())
    loud = " " in line and sum(map(str.isupper, line)) > sum(map(str.islower, line))
    return line.capitalize() if loud else line
