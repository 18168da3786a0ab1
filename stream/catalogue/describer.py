"""Publish to the items topic what items are, and which are hidden; what is published is in force on return."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from stream.catalogue import hiding
from stream.catalogue.record import Value
from stream.error import BadRequest, BadSource

Description = tuple[str, dict[str, Value] | None]  # an item, and what it is
IN_FORCE_S = 2.0  # how long a record may take to be in force


class Publisher(Protocol):
    """What writes to a topic; a record goes to the partition of its key, or of another one."""

    async def publish(self, key: bytes, payload: bytes, partition_key: bytes = b"") -> tuple[int, int]: ...
    async def publish_all(
        self, records: Sequence[tuple[bytes, bytes]]
    ) -> list[tuple[int, int] | BadSource]: ...


class Describer:
    """Tells what items are.

    Args:
        topic: The items topic; None refuses everything.
        described: Partition -> its next offset that is not in an answer yet.
        most: Bytes of a description that are kept at most.
    """

    def __init__(self, topic: Publisher | None, described: Callable[[int], int], most: int) -> None:
        self._topic, self._described, self._most = topic, described, most

    async def describe(self, item: str, fields: dict[str, Value] | None) -> tuple[int, int]:
        """Publish what an item is, None for nothing any more; return the place of the last record.

        Raises:
            BadRequest: It is too long, or not in force in time.
        """
        place = await self._publish(item, item.encode(), self.payload(item, fields))
        if hiding.told(fields) is False:
            place = await self._publish(item, hiding.key(item), hiding.record(False))
        return await self._in_force(place)

    async def describe_all(self, items: Sequence[Description]) -> list[tuple[int, int] | BadSource]:
        """Publish what items are; return the place of each once all are in force, or why it was not written.

        Raises:
            BadRequest: One is too long, and none was published; or they are not in force in time.
        """
        if self._topic is None:
            raise _nowhere()
        records = [(item.encode(), self.payload(item, fields)) for item, fields in items]
        places = await self._topic.publish_all(records)
        ends = dict(sorted(place for place in places if not isinstance(place, BadSource)))
        for item, fields in items:
            if hiding.told(fields) is False:
                partition, offset = await self._publish(item, hiding.key(item), hiding.record(False))
                ends[partition] = max(offset, ends.get(partition, 0))
        for place in ends.items():
            await self._in_force(place)
        return places

    def payload(self, item: str, fields: dict[str, Value] | None) -> bytes:
        """Return the record that describes an item; BadRequest where it is too long."""
        payload = b"" if fields is None else msgspec.json.encode(fields)
        if len(payload) > self._most:
            raise BadRequest(
                f"item {item!r} is described in {len(payload)} bytes; at most {self._most} are kept"
            )
        return payload

    async def hide(self, item: str, hidden: bool) -> tuple[int, int]:
        """Publish that an item is hidden, or not any more; its description stays as it is.  Return the record's place.

        Raises:
            BadRequest: It is not in force in time.
        """
        return await self._in_force(await self._publish(item, hiding.key(item), hiding.record(hidden)))

    async def _publish(self, item: str, key: bytes, payload: bytes) -> tuple[int, int]:
        if self._topic is None:
            raise _nowhere()
        return await self._topic.publish(key, payload, item.encode())

    async def _in_force(self, place: tuple[int, int]) -> tuple[int, int]:
        partition, offset = place
        until = time.monotonic() + IN_FORCE_S
        while self._described(partition) <= offset:
            if time.monotonic() > until:
                raise BadRequest(
                    f"it is published as {partition}:{offset}, and not in force after {IN_FORCE_S:.0f} s; is ingest running?"
                )
            await asyncio.sleep(0.002)
        return place


def _nowhere() -> BadRequest:
    return BadRequest("this instance describes no items; produce to the items topic instead")
