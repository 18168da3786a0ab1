"""A generation: all tables of one life of the writer, in one folder of shared memory.

    live/current        the number of the generation that readers use
    live/7/user.table   its tables

A restarted writer fills a new generation from the store; readers go on with the old one and switch when the
new number is in `current`.  The old folder is removed then; mapped files live on until readers let go.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from state.ranking.column import FEATURES, NAMES
from state.record.setting import GraphSettings
from state.record.world import World
from state.storage.ids import Ids
from state.storage.table import Table
from stream.generation.metadata import Metadata
from stream.generation.receipt import Receipts
from stream.generation.status import STATUS
from tgn.inference.collaborative import SlowSettings
from tgn.inference.layout import TgnSettings, layout
from tgn.inference.ranker import HIDDEN, SCORES, width

WEIGHTS = 1  # to be raised when learned numbers come to mean something else and keep their shapes


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ceilings, in rows."""

    max_users: int = 4_000_000
    max_items: int = 1_000_000


class Learned(Table):
    """A table of what was learned.

    `meaning` says what its numbers are, version, shape and what else they hang on; the store keeps it beside the
    rows and refuses them where it is another one.
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
        self.meaning = f"version {WEIGHTS} {dtype.name} {list(shape)}{note and f' ({note})'}"


def _notes(tgn: TgnSettings) -> dict[str, str]:
    """Return what the shape of a learned row does not tell."""
    names = hashlib.sha256("\n".join(NAMES).encode()).hexdigest()[:8]
    net = f"dim {tgn.dim}, {tgn.heads} heads, history {tgn.history}, memory {tgn.memory}"
    ranker = f"{FEATURES} features named {names}, {SCORES} scores, hidden {HIDDEN}"
    return {"net": net, "net_moment": net, "ranker": ranker, "ranker_moment": ranker}


SERVED = ("item_vector", "item_memory", "item_output", "slow")  # learned rows that a request reads


class Generation:
    """Tables and names, for the writer or for a reader.

    Args:
        live: Folder of all generations, or None for anonymous memory (one process).
        number: Which one.
        write: Whether this process is the writer.
    """

    def __init__(
        self,
        graph: GraphSettings,
        tgn: TgnSettings,
        limits: Limits,
        *,
        live: Path | None = None,
        number: int = 1,
        write: bool = True,
        slow: SlowSettings | None = None,
    ) -> None:
        self.slow = slow or SlowSettings()
        self.number, self.live, self.tgn, self.write = number, live, tgn, write
        folder = live / str(number) if live else None
        if folder and write:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True, mode=0o700)
        self.world = World(
            graph, folder=folder, max_users=limits.max_users, max_items=limits.max_items, write=write
        )
        self.users = Ids("user", capacity=limits.max_users, folder=folder, write=write)
        self.items = Ids(
            "item", capacity=limits.max_items, folder=folder, write=write, first="riverwalk:start"
        )

        self.learned = self._learned(folder, limits)
        kinds = {"slow": "item"} | {name: kind for name, (kind, _, _) in layout(tgn).items()}
        self.nodes = {  # learned tables with a row an item, and with a row a user
            kind: [self.learned[name] for name, of in kinds.items() if of == kind]
            for kind in ("item", "user")
        }
        self.metadata = Metadata(folder, limits.max_items, write=write)
        self.receipts = Receipts(folder, write=write)
        path = folder / "status.table" if folder else None
        self.status_table = Table("status", STATUS, capacity=1, path=path, write=write)
        self.status = self.status_table.array[0]
        if write:
            self.status["generation"] = number
            self.world.state.world[0]["items"] = 1
        else:
            self.users.catch_up()
            self.items.catch_up()
            self._warm()

    def _learned(self, folder: Path | None, limits: Limits) -> Mapping[str, Table]:
        """Return the learned tables by name."""
        notes, slow = _notes(self.tgn), self.slow

        def table(name: str, dtype: np.dtype, shape: tuple[int, ...], rows: int) -> Table:
            path = folder / f"{name}.table" if folder else None
            return Learned(
                name, dtype, shape, capacity=rows, path=path, write=self.write, note=notes.get(name, "")
            )

        rows = {"user": limits.max_users, "item": limits.max_items, "one": 1}
        return {
            name: table(name, dtype, shape, rows[kind])
            for name, (kind, dtype, shape) in layout(self.tgn).items()
        } | {
            "slow": table("slow", np.dtype("f4"), (2 * slow.rank + 1,), limits.max_items),
            "ranker": table("ranker", np.dtype("f4"), (width(FEATURES),), 1),
            "ranker_moment": table("ranker_moment", np.dtype("f4"), (3 * width(FEATURES) + 1,), 1),
        }

    def clear(self, kind: str, rows: np.ndarray) -> None:
        """Reset to zero what was learned of item or user rows, int64 [n]; columns are given, not learned."""
        for table in self.nodes[kind]:
            if not table.name.endswith("_column"):
                table.bytes[rows] = 0
                table.touch(rows)

    def _warm(self) -> None:
        """Have mapped what requests will read."""
        world = self.world
        for table in (world.users, world.items, world.edges, *(self.learned[name] for name in SERVED)):
            table.warm()

    def publish(self) -> None:
        """Make this the generation that readers use, and remove the others."""
        if self.live is None:
            return
        part = self.live / "current.part"
        part.write_text(str(self.number))
        os.replace(part, self.live / "current")
        for folder in self.live.iterdir():
            if folder.is_dir() and folder.name != str(self.number):
                shutil.rmtree(folder, ignore_errors=True)


def current(live: Path) -> int:
    """Return the number of the generation that readers use, 0 when there is none."""
    try:
        return int((live / "current").read_text())
    except (FileNotFoundError, ValueError):
        return 0
