"""How long models take on this machine: what they took before, else a table of one machine and a short calibration.

seconds = start + fit × training events / 100 000 + rows × (pass × events + (query + query_item × items) × judged)
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from deploy.evaluate.setting import FITTED, PYG

REFERENCE_S = 0.084  # what `calibrate` takes on the machine of the table, linear algebra on one thread
SHARE = 0.5  # of the last run in the pace that is kept
FIT, COUNT = 25.0, 0.0
START_S, START_COUNT_S = 5.0, 2.5  # to import what is needed and read the log
FITS = {  # seconds of a fit per 100 000 events, one thread, another fit beside it
    "mf": 11.0, "mf-bpr": 17.0, "mf-side": 29.0, "tensor": 22.0, "line": 52.0, "two-tower": 80.0, "deepwalk": 31.0,
    "node2vec": 28.0, "gcn": 29.0, "ngcf": 35.0, "lightgcn": 20.0, "gat": 44.0, "graphsage": 26.0, "pinsage": 48.0,
    "social-gcn": 60.0, "social-gcn-no-trust": 40.0, "hetero-gcn": 80.0, PYG: 900.0,
}  # fmt: skip
PASSES = {  # microseconds an event of a pass: what learning costs
    "ease": 150.0, "co-occurrence": 30.0, "rp3beta": 60.0, "cosine": 60.0, "riverwalk": 350.0, "riverwalk-frozen": 300.0,
    "riverwalk-counted": 200.0, "blend": 60.0, PYG: 400.0,
}  # fmt: skip
QUERIES = {  # microseconds a judged event, and more for 1 000 items
    "co-occurrence": (100.0, 3.0), "ease": (40.0, 12.0), "cosine": (100.0, 50.0), "rp3beta": (100.0, 50.0), PYG: (900.0, 60.0),
}  # fmt: skip
QUERY, OWN_QUERY = (30.0, 12.0), (250.0, 0.0)


class Size(NamedTuple):
    """How large a log is: events that are fitted on, all, and judged ones; users; items."""

    train: int
    events: int
    judged: int
    users: int
    items: int


class Seconds(NamedTuple):
    """What a run of a model takes: its fit, which can be cut short, and the rest, which cannot."""

    fit: float
    rest: float

    @property
    def all(self) -> float:
        """Both together."""
        return self.fit + self.rest


def calibrate() -> float:
    """Return how much slower this machine is than that of the table, from a tenth of a second of work."""
    begin = time.process_time()
    matrix = np.random.default_rng(0).standard_normal((300, 300)).astype(np.float32)
    for _ in range(40):
        matrix = matrix @ matrix
        matrix /= np.abs(matrix).max()
    total = 0
    for k in range(1_000_000):
        total += k & 7
    return max(0.2, (time.process_time() - begin) / REFERENCE_S)


def estimate(name: str, size: Size, rows: int) -> Seconds:
    """Return what a run takes on the machine of the table.

    Args:
        rows: How many rows of figures it gives, each by a pass of its own.
    """
    base = name.removesuffix("-frozen") if not name.startswith("riverwalk") else name
    own = name.startswith("riverwalk") or name == "blend"
    fit = FITS.get(name, FIT) * size.train / 1e5 if name in (*FITTED, PYG) else 0.0
    query, item = QUERIES.get(base, OWN_QUERY if own else QUERY)
    judged = size.judged * (query + item * size.items / 1000) * 1e-6
    passed = size.events * PASSES.get(base, 300.0 if own else 6.0) * 1e-6
    start = START_S if own or name in (*FITTED, PYG) else START_COUNT_S
    return Seconds(fit, start + rows * (passed + judged))


class Pace:
    """What runs took against their estimates, kept in a file.

    Args:
        path: The file; made when something is noted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, float] = {}
        try:
            self.known = msgspec.json.decode(path.read_bytes(), type=dict[str, float])
        except (OSError, msgspec.DecodeError):
            self.known = {}  # none yet, or cut short: estimates begin anew
        self._machine: float | None = None

    def seconds(self, name: str, size: Size, rows: int) -> Seconds:
        """Return what a run takes on this machine."""
        found, factor = estimate(name, size, rows), self.known.get(name)
        if factor is None:
            if self._machine is None:
                self._machine = calibrate()
            factor = self._machine
        return Seconds(found.fit * factor, found.rest * factor)

    def note(self, name: str, size: Size, rows: int, seconds: float, cut: bool) -> None:
        """Keep what a run took; of one that was cut short it says nothing."""
        expected = estimate(name, size, rows).all
        if cut or expected <= 0 or seconds <= 0:
            return
        found = min(50.0, max(0.02, seconds / expected))
        old = self.known.get(name)
        self.known[name] = found if old is None else (1 - SHARE) * old + SHARE * found
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = self.path.with_suffix(f".{os.getpid()}")
        part.write_bytes(msgspec.json.encode(self.known))
        part.replace(self.path)
