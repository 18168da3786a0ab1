"""A generation: all tables of one life of the writer, in one folder of shared memory.

    live/current        the number of the generation that readers use
    live/written        the number of the one that ingest writes, once what was stored is in it
    live/7/user.table   its tables
    live/learned …      what is learned, see `learned`

A restarted writer fills a new generation from the store; readers go on with the old one and switch when the
new number is in `current`.  The old folder is removed then; mapped files live on until readers let go.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec

from state.record.setting import GraphSettings
from state.record.world import World
from state.storage.ids import Ids
from state.storage.table import Table
from stream.generation.learned import Learned, current_learned, learned_folder
from stream.generation.metadata import Metadata
from stream.generation.receipt import Receipts
from stream.generation.status import STATUS
from tgn.inference.collaborative import SlowSettings
from tgn.inference.layout import TgnSettings

CURRENT, WRITTEN = (
    "current",
    "written",
)  # files of numbers: the generation that readers use, and that ingest writes


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ceilings, in rows."""

    max_users: int = 4_000_000
    max_items: int = 1_000_000


class Generation:
    """Tables and names, for the writer or for a reader.

    Args:
        live: Folder of all generations, or None for anonymous memory (one process).
        number: Which one.
        write: Whether this process is the writer.
        learned: What is learned, where another process writes it.
        named: Whether a reader knows the names, not only the rows.
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
        learned: Learned | None = None,
        slow: SlowSettings | None = None,
        named: bool = True,
    ) -> None:
        self.slow = slow or SlowSettings()
        self.number, self.live, self.tgn, self.write, self.limits = number, live, tgn, write, limits
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

        self.attach(learned or self._learned(folder))
        self._looked = 0, self.taught  # the number and the tables that `knows` looked at last
        self.metadata = Metadata(folder, limits.max_items, write=write)
        self.receipts = Receipts(folder, write=write)
        path = folder / "status.table" if folder else None
        self.status_table = Table("status", STATUS, capacity=1, path=path, write=write)
        self.status = self.status_table.array[0]
        if write:
            self.status["generation"] = number
            self.world.state.world[0]["items"] = 1
        elif named:
            self.users.catch_up()
            self.items.catch_up()
            self._warm()

    def _learned(self, folder: Path | None) -> Learned:
        """Return the learned tables: for a reader those that are published, else the generation's own."""
        write, number = self.write, 0
        if self.live is not None and not write:
            number = current_learned(self.live)
        if self.live is not None and number:
            folder = learned_folder(self.live, number)
        return Learned(
            self.tgn, self.limits.max_users, self.limits.max_items, folder=folder, write=write, slow=self.slow
        )

    def attach(self, learned: Learned) -> None:
        """Take these as the learned tables: `learned` by name, `nodes` by kind, and the live `quality`."""
        self.taught = learned
        self.learned: Mapping[str, Table] = learned.tables
        self.nodes, self.quality, self.clear = learned.nodes, learned.quality, learned.clear

    def knows(self, user: int) -> bool:
        """Tell whether something is learned of a user, also where another process has learned it."""
        number = current_learned(self.live) if self.live is not None else 0
        if self.live is not None and number and self._looked[0] != number:
            folder, limits = learned_folder(self.live, number), self.limits
            self._looked = (
                number,
                Learned(
                    self.tgn, limits.max_users, limits.max_items, folder=folder, write=False, slow=self.slow
                ),
            )
        found = self._looked[1] if number else self.taught
        return any(
            table.bytes[user].any() and not table.name.endswith("_column") for table in found.nodes["user"]
        )

    def _warm(self) -> None:
        """Have mapped what requests will read."""
        world = self.world
        for table in (world.users, world.items, world.edges):
            table.warm()
        self.taught.warm()

    def publish(self) -> None:
        """Make this the generation that readers use, and remove the others."""
        if self.live is None:
            return
        _write_number(self.live, CURRENT, self.number)
        for folder in self.live.iterdir():
            if folder.name.isdigit() and folder.name != str(self.number):
                shutil.rmtree(folder, ignore_errors=True)

    def begin(self) -> None:
        """Say that this is the generation that is written: it holds what was stored, and its lanes are there."""
        if self.live is not None:
            _write_number(self.live, WRITTEN, self.number)


def _write_number(live: Path, name: str, number: int) -> None:
    part = live / f"{name}.part"
    part.write_text(str(number))
    os.replace(part, live / name)


def current(live: Path, name: str = CURRENT) -> int:
    """Return the number of the generation that readers use, or that is WRITTEN, 0 when there is none."""
    try:
        return int((live / name).read_text())
    except (FileNotFoundError, ValueError):
        return 0
