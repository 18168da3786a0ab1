"""Publish dead letters again, as their records were, to the topics they came from."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final, NamedTuple

from deploy.config.broker import spool_folder, with_address
from deploy.config.event import decoder
from deploy.config.schema import Config
from deploy.dlq.archive import Archive, Found, Selection
from deploy.dlq.mark import Marks
from stream.broker import Sink, ensure_topic, open_sink
from stream.catalogue import hiding
from stream.catalogue.record import decode as described
from stream.dead_letter.letter import Letter
from stream.error import BadEvent, BadRequest
from stream.event.batch import Decode, Record, decode_batch
from stream.event.identifier import name
from stream.event.message import TIME, Message
from stream.generation.metadata import MOST

GROUP: Final = 100  # letters published, then noted, together: a crash repeats no more
WAIT_S: Final = 30.0
LISTED: Final = 1000  # letters that are named one by one
Sent = tuple[Letter, tuple[int, int]]  # a letter, and the partition and offset of its record now


class Named(NamedTuple):
    """A letter, and what is to be said of it."""

    letter: Letter
    why: str


class Report:
    """What a replay did.

    `sent` were published; of these, what is no event today either is in `refused`.  `kept` could not be published.
    """

    def __init__(self) -> None:
        self.sent = self.refusals = self.failures = self.before = 0
        self.refused: list[Named] = []
        self.kept: list[Named] = []
        self.trouble = ""

    def refuse(self, letter: Letter, why: str) -> None:
        """Note a letter that will be rejected again."""
        self.refusals += 1
        if len(self.refused) < LISTED:
            self.refused.append(Named(letter, why))

    def keep(self, letter: Letter, why: str) -> None:
        """Note a letter that was not published."""
        self.failures += 1
        if len(self.kept) < LISTED:
            self.kept.append(Named(letter, why))


class Replay:
    """Publishes the letters of a selection that were not replayed before.

    Args:
        dry: Publish nothing; the report is the same.
        again: Also those that were.
    """

    def __init__(
        self, config: Config, selection: Selection, *, dry: bool = False, again: bool = False
    ) -> None:
        self._config, self._selection, self._dry, self._again = with_address(config), selection, dry, again
        self._decode = decoder(config)
        self._archive, self._marks = Archive(config), Marks(spool_folder(config))
        self._report = Report()
        self._sinks: dict[str, Sink] = {}
        self._partitions: dict[str, int] = {}
        self._places = set[tuple[str, int, int, int]]()

    def run(self) -> Report:
        """Publish, and report.

        Raises:
            BadSource: What is replayed cannot be noted, or another replay is under way.
        """
        if not self._dry:
            self._marks.begin()
        whole = False
        try:
            group = list[Letter]()
            for letter in self._chosen():
                group.append(letter)
                if len(group) == GROUP:
                    self._publish(group)
                    group = []
            self._publish(group)
            self._report.trouble = self._archive.trouble
            whole = not self._report.trouble
        finally:
            for sink in self._sinks.values():
                sink.close()
            if not self._dry:
                self._marks.end(self._places if whole else None)
        return self._report

    def _chosen(self) -> Iterator[Letter]:
        for found in self._archive:
            self._places.add(found.letter.place)
            if not self._selection.has(found.letter):
                continue
            if self._marks.has(found.letter) and not self._again:
                self._report.before += 1
            elif why := self._unfit(found):
                self._report.keep(found.letter, why)
            else:
                yield found.letter

    def _unfit(self, found: Found) -> str:
        """Return why a letter cannot be published as its record was, or nothing."""
        letter, kafka = found.letter, self._config.kafka
        if letter.erased:
            return "it was erased: its user was forgotten"
        if not letter.whole:
            return f"it was cut: {len(letter.value or b'')} of {letter.size} bytes and without {letter.dropped} headers are left"
        if letter.topic not in (kafka.topic, kafka.items):
            return f"it is of another topic than {kafka.topic} and {kafka.items}; name its topic with --topic"
        return ""

    def _publish(self, group: list[Letter]) -> None:
        """Publish some letters and note them."""
        for letter in group:
            if why := refusal(letter, self._config, self._decode):
                self._report.refuse(letter, why)
        if self._dry:
            self._report.sent += len(group)
            return
        done = list[Sent]()
        try:
            refused = self._post(group, done, timed=True)
            untimely = [letter for letter, kind, _ in refused if kind == TIME]
            refused = [one for one in refused if one[1] != TIME] + self._post(untimely, done, timed=False)
            for letter, _, why in refused:
                self._report.keep(letter, why)
        finally:
            self._report.sent += len(done)
            self._marks.add(done)

    def _post(self, group: list[Letter], done: list[Sent], *, timed: bool) -> list[tuple[Letter, str, str]]:
        """Publish letters, those that are written into `done`; return the others, with the kind of refusal and why."""
        left = list[tuple[Letter, str, str]]()

        def post(letter: Letter) -> None:
            self._sink(letter.topic).post(
                self._message(letter, timed),
                lambda partition, offset: done.append((letter, (partition, offset))),
                lambda kind, why: left.append((letter, kind, why)),
            )

        for letter in group:
            post(letter)
        for topic in {letter.topic for letter in group}:
            self._sink(topic).flush(WAIT_S)
        return left

    def _message(self, letter: Letter, timed: bool) -> Message:
        """Return the record a letter was of: in its partition, and at its time unless that is why it was rejected."""
        there = letter.partition < self._partitions[letter.topic]
        ms = letter.timestamp if timed and letter.reason != "future" else 0
        return Message(
            letter.value, letter.key, letter.headers, max(ms, 0), letter.partition if there else -1
        )

    def _sink(self, topic: str) -> Sink:
        if topic not in self._sinks:
            kafka = self._config.kafka
            compact = topic == kafka.items
            self._partitions[topic] = ensure_topic(kafka.address, topic, kafka.options, compact=compact)
            self._sinks[topic] = open_sink(kafka.address, topic, timeout_s=WAIT_S, extra=kafka.options)
        return self._sinks[topic]


def refusal(letter: Letter, config: Config, decode: Decode) -> str:
    """Return why a letter's record is rejected today, too, or nothing."""
    value, now_ms = letter.value or b"", time.time_ns() // 1_000_000
    if letter.topic == config.kafka.items:
        return _undescribed(letter.key or b"", value)
    ms = letter.timestamp if letter.timestamp > 0 and letter.reason != "future" else now_ms
    record = Record(0, 0, value, ms, letter.key or b"", letter.headers)
    _, rejected = decode_batch([record], now_ms, round(config.kafka.future_minutes * 60_000), decode)
    return f"{rejected[0].reason}: {rejected[0].message}" if rejected else ""


def _undescribed(key: bytes, value: bytes) -> str:
    """Return why a record describes no item, and hides none, or nothing."""
    try:
        name("item", key.removeprefix(hiding.PREFIX))
        if key.startswith(hiding.PREFIX):
            hiding.decode(value)
        else:
            described(value)
    except (BadEvent, BadRequest) as exc:
        return str(exc)
    return f"it has {len(value)} bytes; at most {MOST} are kept" if len(value) > MOST else ""
