"""The items topic: what a catalogue says of each item, applied like events, and saved with them.

A record's key is the item's id, its value a JSON object of fields (see `record.decode`) that replaces what was known;
a null value removes it.  Another key of the item hides it, see `stream.catalogue.hiding`.  The topic is compacted: the
last record of each key is enough to know everything.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import structlog

from state.error import NoMemory
from stream import metric
from stream.catalogue import hiding
from stream.catalogue.record import Value, decode
from stream.error import BadEvent, BadRequest
from stream.event.batch import Record
from stream.event.identifier import name
from stream.generation import room
from stream.generation.metadata import DESCRIPTION, MOST, SWITCH
from stream.health.pulse import Pulse
from stream.ingest.writer import Writer

log = structlog.get_logger()

LIMIT = 512  # records at once: events wait for no more than these, some 20 ms


class Source(Protocol):
    """Where records come from."""

    def poll(self, limit: int, wait_s: float) -> list[Record]: ...
    def commit(self, ends: dict[int, int]) -> None: ...


class Letters(Protocol):
    """Where records go that describe no item."""

    def put(self, record: Record, reason: str, message: str) -> None: ...
    def flush(self) -> None: ...


class ItemsTopic:
    """Applies the records of the items topic.

    Args:
        topic: The name the offsets are kept under.
    """

    def __init__(self, writer: Writer, source: Source, letters: Letters, topic: str) -> None:
        self.writer, self.source, self.letters, self.topic = writer, source, letters, topic
        self.pulse = Pulse()
        self.kept: list[Record] = []  # records for which there was no memory
        writer.generation.metadata.known.touch(
            np.zeros(0, np.int32)
        )  # loads the kernel before a record waits

    def step(self) -> int:
        """Apply what came; return how many records that were."""
        records = self._records()
        rejected, rows, ends = 0, list[int](), dict[int, int]()
        for record in records:
            try:
                self._apply(record, rows)
            except BadEvent as exc:
                self.letters.put(record, exc.reason, str(exc))
                metric.rejected(exc.reason)
                rejected += 1
            ends[record.partition] = record.offset + 1
        if rows:
            self._touch(rows)
        if rejected:
            self.letters.flush()
            log.warning("records that describe no item", count=rejected)
        if ends:
            self.writer.reached(self.topic, ends)
        for partition, offset in ends.items():
            self.writer.generation.status["described"][partition] = offset
        return len(records)

    def _records(self) -> list[Record]:
        """Return the records to apply now: none while there is no memory for what they tell."""
        records, self.kept = self.kept or self.source.poll(LIMIT, 0.0), []
        names = [record.key.removeprefix(hiding.PREFIX).decode(errors="replace") for record in records]
        try:
            room.reserve_described(self.writer.generation, names, len(records))
        except NoMemory as exc:
            self.kept = records
            self.pulse.trouble("items", f"what items are is not applied: {exc}")
            return []
        return records

    def _apply(self, record: Record, rows: list[int]) -> None:
        """Write what a record tells; its row joins `rows`."""
        row = self._switch(record) if record.key.startswith(hiding.PREFIX) else self._describe(record)
        if row:
            rows.append(row)

    def _describe(self, record: Record) -> int:
        """Write what an item is; return its row, 0 where nothing changes."""
        metadata, payload, item = self.writer.generation.metadata, record.payload, _item(record.key)
        fields = decode(payload)
        if fields is None:
            payload = b""
        if len(payload) > MOST:
            raise BadEvent(
                "size", f"item {item!r} is described in {len(payload)} bytes; at most {MOST} are kept"
            )
        if not payload and item not in self.writer.generation.items.row:
            return 0
        row = self.writer.budget.item(item)
        if not metadata.note(row, DESCRIPTION, record.partition, record.produced_ms):
            return 0
        metadata.put(row, payload, self._kept_out(row, fields))
        return row

    def _switch(self, record: Record) -> int:
        """Write that an item is hidden, or not any more; return its row, 0 where nothing changes."""
        metadata, item = self.writer.generation.metadata, _item(record.key[len(hiding.PREFIX) :])
        switch = hiding.decode(record.payload)
        if switch is None and item not in self.writer.generation.items.row:
            return 0
        row = self.writer.budget.item(item)
        if not metadata.note(row, SWITCH, record.partition, record.produced_ms):
            return 0
        metadata.switch(row, switch)
        payload = metadata.get(row)
        metadata.put(row, payload, self._kept_out(row, decode(payload)))
        return row

    def _kept_out(self, row: int, fields: dict[str, Value] | None) -> bool:
        """Return whether an item of this description is in no answer."""
        hidden = hiding.settled(hiding.told(fields), *self.writer.generation.metadata.says(row))
        return hidden or not hiding.available(fields)

    def _touch(self, rows: list[int]) -> None:
        """Note for the store what changed."""
        generation = self.writer.generation
        for table in generation.metadata.tables:
            table.touch(np.array(rows, np.int32))
        generation.world.world.touch(np.zeros(1, np.int32))


def _item(key: bytes) -> str:
    """Return the item that a record is about."""
    try:
        return name("item", key)
    except BadRequest as exc:
        raise BadEvent("missing", f"the key of a record of the items topic is the item's id: {exc}") from exc
