"""Poll a running instance: INFO over the socket and /metrics over HTTP."""

import math
import re
import time
from collections import deque

import msgspec

from deploy.client import web
from deploy.client.client import BadAnswer, Client
from deploy.client.freshness import Freshness
from deploy.config.schema import Serve

RATE_S = 3.0  # what events/s looks back on
LOOK_S = 2.0  # how often /metrics is read
_BYTES = re.compile(r"^riverwalk_table_bytes(?:\{.*\})? (\S+)$", re.MULTILINE)


class Quality(msgspec.Struct, frozen=True):
    """Live quality of one ranker."""

    mrr: float
    recall10: float


class Reading(msgspec.Struct, frozen=True):
    """What an instance says of itself at one moment."""

    info: dict[str, str]
    events_per_s: float = 0.0
    table_bytes: float = 0.0

    def number(self, name: str) -> int:
        """A field of INFO as a number, 0 when it is not there."""
        return int(self._float(name) or 0)

    @property
    def serving(self) -> str:
        """The ranker that answers."""
        return self.info.get("ranker", "")

    @property
    def quality(self) -> dict[str, Quality]:
        """Live quality by ranker, as far as there is any yet: of no event there is none."""
        if self.info.get("live_events") == "0":
            return {}
        names = [name.removeprefix("live_mrr_") for name in self.info if name.startswith("live_mrr_")]
        found = {
            name: (self._float(f"live_mrr_{name}"), self._float(f"live_recall10_{name}")) for name in names
        }
        return {name: Quality(mrr, recall or 0.0) for name, (mrr, recall) in found.items() if mrr is not None}

    @property
    def applied(self) -> dict[int, int]:
        """Partition -> next offset that is in no answer yet."""
        return self._ends("offset_")

    @property
    def described(self) -> dict[int, int]:
        """Partition of the items topic -> next offset that is not in force yet."""
        return self._ends("described_")

    def _ends(self, prefix: str) -> dict[int, int]:
        found = {
            name.removeprefix(prefix): value for name, value in self.info.items() if name.startswith(prefix)
        }
        return {int(partition): int(offset) for partition, offset in found.items()}

    def _float(self, name: str) -> float | None:
        try:
            value = float(self.info.get(name, "nan"))
        except ValueError:
            return None
        return value if math.isfinite(value) else None


class Gauge:
    """One connection that is opened again when it breaks. Not for several threads at once."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._client: Client | None = None
        self._passed: deque[tuple[float, int]] = deque()
        self._table_bytes = 0.0
        self._looked = 0.0
        self.freshness = Freshness()

    def read(self) -> Reading | None:
        """A reading, or None while the instance does not answer."""
        try:
            text = self.ask("INFO")
        except BadAnswer:
            return None
        info = fields(str(text))
        now = time.monotonic()
        if now - self._looked > LOOK_S:
            self._table_bytes, self._looked = self._scrape(), now
        applied = Reading(info).number("applied_events")
        return Reading(info, self._rate(now, applied), self._table_bytes)

    def ask(self, *words: str | int | float) -> object:
        """One command on the gauge's connection."""
        try:
            self._client = self._client or Client(self._serve)
            return self._client.ask(*words)
        except BadAnswer:
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _rate(self, now: float, applied: int) -> float:
        self._passed.append((now, applied))
        while len(self._passed) > 2 and now - self._passed[1][0] > RATE_S:
            self._passed.popleft()
        (began, before), (ended, after) = self._passed[0], self._passed[-1]
        return max(0.0, (after - before) / (ended - began)) if ended > began else 0.0

    def _scrape(self) -> float:
        page = (web.get(self._serve, "/metrics") or b"").decode(errors="replace")
        if not page:
            return self._table_bytes
        self.freshness.see(page, time.monotonic())
        return sum(float(one[1]) for one in _BYTES.finditer(page))


def fields(text: str) -> dict[str, str]:
    """INFO's `field:value` lines."""
    pairs = (line.partition(":") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}
