"""Learned tables: what the learner writes, in a folder of their own beside the generations of counted tables.

    live/learned          the number of the folder that readers use
    live/learned-3/net.table …

They outlive a restart of ingest, whose rows keep their numbers; a learner that starts anew fills a new folder from its
store, and readers switch when its number is in `learned`.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from pathlib import Path

import numpy as np

from state.ranking.column import FEATURES, NAMES
from state.storage.table import Table
from stream.generation.status import QUALITY
from tgn.inference.collaborative import SlowSettings
from tgn.inference.layout import TgnSettings, layout
from tgn.inference.ranker import FORMER_HIDDEN, HIDDEN, SCORES, width

WEIGHTS = 1  # to be raised when learned numbers come to mean something else and keep their shapes
CURRENT = "learned"
SERVED = ("item_vector", "item_memory", "item_output", "slow")  # learned rows that a request reads


class LearnedTable(Table):
    """A table of what was learned.

    `meaning` says what its numbers are, version, shape and what else they hang on; the store keeps it beside the
    rows and refuses them where it is another one.  Rows of a meaning in `former` are dropped as they are loaded, and
    `dropped` tells so: what they say is learned anew.
    """

    def __init__(
        self,
        name: str,
        dtype: np.dtype,
        shape: tuple[int, ...],
        *,
        capacity: int,
        path: Path | None,
        write: bool,
        note: str = "",
    ) -> None:
        super().__init__(name, dtype, shape, capacity=capacity, path=path, write=write)
        self.meaning, self.former, self.dropped = _meaning(dtype, shape, note), list[str](), ""

    def renew(self, shape: tuple[int, ...], note: str) -> None:
        """Have rows of an earlier shape, whose numbers are of no use any more, dropped as they are loaded."""
        former = _meaning(self.dtype, shape, note)

        def drop(rows: np.ndarray, _: np.ndarray) -> None:
            self.dropped = former
            self.touch(rows)  # the next save writes it in its new shape

        self.former.append(former)
        self.earlier[self.dtype.itemsize * math.prod(shape)] = drop


def _meaning(dtype: np.dtype, shape: tuple[int, ...], note: str) -> str:
    return f"version {WEIGHTS} {dtype.name} {list(shape)}{note and f' ({note})'}"


def shapes(tgn: TgnSettings, slow: SlowSettings) -> dict[str, tuple[str, np.dtype, tuple[int, ...]]]:
    """Return for each learned table: what a row stands for (user, item, one), the dtype, and a row's shape."""
    f4 = np.dtype("f4")
    ranker = {name: ("one", f4, shape) for name, shape in _ranker(HIDDEN).items()}
    return layout(tgn) | {"slow": ("item", f4, (2 * slow.rank + 1,))} | ranker


def _ranker(hidden: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the rows of a ranker of so many units a layer."""
    size = width(FEATURES, hidden)
    return {"ranker": (size,), "ranker_moment": (3 * size + 1,)}


def _notes(tgn: TgnSettings, hidden: int = HIDDEN) -> dict[str, str]:
    """Return what the shape of a learned row does not tell."""
    names = hashlib.sha256("\n".join(NAMES).encode()).hexdigest()[:8]
    net = f"dim {tgn.dim}, {tgn.heads} heads, history {tgn.history}, memory {tgn.memory}"
    ranker = f"{FEATURES} features named {names}, {SCORES} scores, hidden {hidden}"
    return {"net": net, "net_moment": net, "ranker": ranker, "ranker_moment": ranker}


class Learned:
    """Learned tables, for the learner or for a reader.

    `nodes` are the tables with a row an item, and with a row a user; `quality` is the row of `status.QUALITY`.

    Args:
        users, items: Ceilings, in rows.
        folder: Where they lie, or None for anonymous memory (one process).
        write: Whether this process is the writer.
    """

    def __init__(
        self,
        tgn: TgnSettings,
        users: int,
        items: int,
        *,
        folder: Path | None = None,
        write: bool = True,
        slow: SlowSettings | None = None,
    ) -> None:
        if folder and write:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        notes, rows = _notes(tgn), {"user": users, "item": items, "one": 1}
        forms = shapes(tgn, slow or SlowSettings())
        self.tgn, self.folder = tgn, folder
        self.tables: dict[str, LearnedTable] = {
            name: LearnedTable(
                name,
                dtype,
                shape,
                capacity=rows[kind],
                path=folder / f"{name}.table" if folder else None,
                write=write,
                note=notes.get(name, ""),
            )
            for name, (kind, dtype, shape) in forms.items()
        }
        former = _notes(tgn, FORMER_HIDDEN)
        for name, shape in _ranker(FORMER_HIDDEN).items():
            self.tables[name].renew(shape, former[name])
        self.nodes = {
            kind: [self.tables[name] for name, (of, _, _) in forms.items() if of == kind]
            for kind in ("item", "user")
        }
        path = folder / "quality.table" if folder else None
        self.quality_table = Table("quality", QUALITY, capacity=1, path=path, write=write)
        self.quality = self.quality_table.array[0]

    def clear(self, kind: str, rows: np.ndarray) -> None:
        """Reset to zero what was learned of item or user rows, int64 [n]; columns are given, not learned.

        Args:
            kind: One of `stream.lane.job.KINDS`.
        """
        for table in self.nodes["item" if kind == "item" else "user"]:
            if not table.name.endswith("_column"):
                table.hold(np.sort(rows))
                table.bytes[rows] = 0
                table.touch(rows)

    def reserve(self, users: int, items: int) -> None:
        """Have memory for so many rows.

        Raises:
            NoMemory: There is none.
        """
        if self.folder is None:
            return
        for kind, rows in (("user", users), ("item", items)):
            if kind == "user" and not self.tgn.node_memory:
                continue
            for table in self.nodes[kind]:
                if not table.name.endswith("_column"):
                    table.reserve(min(rows, table.capacity))

    def warm(self) -> None:
        """Have mapped what requests will read."""
        for name in SERVED:
            self.tables[name].warm()

    def publish(self, live: Path) -> None:
        """Make these the tables that readers use, and remove the others."""
        assert self.folder is not None
        part = live / f"{CURRENT}.part"
        part.write_text(self.folder.name.removeprefix("learned-"))
        os.replace(part, live / CURRENT)
        for other in live.glob("learned-*"):
            if other != self.folder:
                shutil.rmtree(other, ignore_errors=True)


def current_learned(live: Path) -> int:
    """Return the number of the learned tables that readers use, 0 when there are none."""
    try:
        return int((live / CURRENT).read_text())
    except (FileNotFoundError, ValueError):
        return 0


def learned_folder(live: Path, number: int) -> Path:
    """Return where learned tables lie."""
    return live / f"learned-{number}"
