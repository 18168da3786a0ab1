"""Next offset of each partition of a topic, and the gap policy."""

from collections.abc import Mapping

from stream.error import BadSource


class Offsets:
    """Next offset to read and end offset of each partition, as last reported by the broker.

    Args:
        topic: The name of the topic, for messages.
        offsets: Partition -> next offset to read, as the store knows them.
        on_gap: What to do at a gap: "stop" or "skip".
        start: Where to begin when `offsets` is empty: "earliest" or "latest".
    """

    def __init__(self, topic: str, offsets: Mapping[int, int], *, on_gap: str, start: str) -> None:
        self.next: dict[int, int] = {}
        self.high: dict[int, int] = {}
        self.gaps = 0  # records lost to gaps that were skipped
        self._topic, self._offsets, self._skip = topic, dict(offsets), on_gap == "skip"
        self._at_end = start == "latest" and not offsets

    def begin(self, bounds: Mapping[int, tuple[int, int]]) -> None:
        """Begin all partitions of the topic at their offsets.

        Args:
            bounds: Partition -> the offset of its first record, and of the one that comes after its last.
        """
        missing = sorted(set(self._offsets) - set(bounds))
        if missing:
            raise BadSource(
                f"topic {self._topic} has {len(bounds)} partitions, but the state has read partition {missing[0]}; "
                "the topic was made anew: read another one, or replay this one into an empty state folder"
            )
        for partition, (low, high) in sorted(bounds.items()):
            self.high[partition] = high
            self.next[partition] = self._offsets.get(partition, high if self._at_end else low)
            self.close_gap(partition, low, high)

    def add(self, partition: int, low: int, high: int) -> None:
        """Begin a partition that was added to the topic: at its first record, whatever `start` says."""
        self.next[partition], self.high[partition] = low, high

    def close_gap(self, partition: int, low: int, high: int) -> None:
        """Skip to the first record when the next offset is outside of the partition, or raise BadSource."""
        offset = self.next[partition]
        where = f"topic {self._topic} partition {partition}"
        self.high[partition] = high
        if offset < low:
            what = f"{where} begins at offset {low}, the state ends at {offset}: retention has taken {low - offset} records"
        elif offset > high:
            what = f"{where} ends at offset {high}, the state at {offset}: the topic was made anew"
        else:
            return
        if not self._skip:
            raise BadSource(
                f'{what}; set kafka.on_gap = "skip" to go on with what is there, '
                "or replay it into an empty state folder"
            )
        self.gaps += max(0, low - offset)
        self.next[partition] = low

    def reach(self, partition: int, offset: int) -> None:
        """Advance to an offset that holds no record: transactions leave markers."""
        self.next[partition] = max(self.next[partition], offset)

    def lag(self) -> int:
        """How many records wait to be read."""
        return sum(max(0, high - self.next[partition]) for partition, high in self.high.items())


class Place:
    """Where to read: offsets, and the identity of the topic they are of.

    Args:
        topic_id: The identity of the topic that `offsets` are of; empty where it is not known.
    """

    def __init__(
        self, topic: str, offsets: Mapping[int, int], *, on_gap: str, start: str, topic_id: str
    ) -> None:
        self._topic, self._offsets, self._start, self._id = topic, offsets, start, topic_id
        self._on_gap = on_gap

    def offsets(self, now: str, where: str) -> Offsets:
        """Return the offsets to read at.

        Args:
            now: The identity of the topic that is there; empty where the broker has none.

        Raises:
            BadSource: It is another one, and on_gap="stop".
        """
        if not (self._id and now and self._id != now):
            return Offsets(self._topic, self._offsets, on_gap=self._on_gap, start=self._start)
        if self._on_gap != "skip":
            raise BadSource(self.anew(self._id, now, where))
        return Offsets(self._topic, {}, on_gap=self._on_gap, start="earliest")

    def anew(self, before: str, now: str, where: str) -> str:
        """Return what an operator is told of a topic that was made anew."""
        what = f"{where}: topic {self._topic} is not the one this state was made from ({before}, now {now}): it was made anew"
        if self._on_gap == "skip":
            return f"{what}; reading starts over at its first record"
        return (
            f"{what}; read another one, replay this one into an empty state folder, "
            'or set kafka.on_gap = "skip" to go on with what is there'
        )
