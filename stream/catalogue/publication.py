"""What clients tell: events and descriptions of items become records of their topics."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stream.catalogue.describer import Describer, Description, Publisher
from stream.catalogue.record import Value
from stream.error import BadRequest, BadSource
from stream.event.event import Event, encode, forget

Place = tuple[int, int]  # partition and offset


class Publication:
    """Writes to the topics of an instance.

    Args:
        publisher: Of events; None refuses them.
        describer: Of what items are and which are hidden; None refuses it.
        described: Partition of the items topic -> its next offset that is not in an answer yet.
        most: Bytes of a description that are kept at most.
    """

    def __init__(
        self,
        publisher: Publisher | None,
        describer: Publisher | None,
        described: Callable[[int], int],
        most: int,
    ) -> None:
        self.publisher = publisher
        self._describer = Describer(describer, described, most)

    def _topic(self) -> Publisher:
        if self.publisher is None:
            raise BadRequest("this instance publishes no events; produce them to the topic instead")
        return self.publisher

    async def publish(self, event: Event) -> Place:
        """Publish an event to the topic; return its partition and offset."""
        return await self._topic().publish(event.user.encode(), encode(event))

    async def publish_all(self, events: Sequence[Event]) -> list[Place | BadSource]:
        """Publish events to the topic; return the partition and offset of each, or why it was not written."""
        return await self._topic().publish_all([(event.user.encode(), encode(event)) for event in events])

    async def forget(self, user: str, now_ms: int) -> Place:
        """Publish that a user is to be forgotten; return the record's partition and offset."""
        return await self._topic().publish(user.encode(), forget(user, now_ms))

    async def describe(self, item: str, fields: dict[str, Value] | None) -> Place:
        """Publish what an item is, None for nothing any more; return the record's place once it is in force."""
        return await self._describer.describe(item, fields)

    async def describe_all(self, items: Sequence[Description]) -> list[Place | BadSource]:
        """Publish what items are; return each record's place once all are in force, or why it was not written."""
        return await self._describer.describe_all(items)

    async def hide(self, item: str, hidden: bool) -> Place:
        """Publish that an item is hidden, or not any more; return the record's place once it is in force."""
        return await self._describer.hide(item, hidden)
