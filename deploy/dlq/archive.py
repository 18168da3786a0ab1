"""All dead letters: those of the topic, and those on disk that it did not take yet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from deploy.config.broker import spool_folder, with_address
from deploy.config.schema import Config
from stream.broker import open_source
from stream.dead_letter.letter import Letter, unpack
from stream.dead_letter.spool import files, read
from stream.error import BadSource

PIECE: Final = 1000  # letters read at once
PATIENCE_S: Final = 10.0  # for a broker that has more and sends nothing


class Found(NamedTuple):
    """A dead letter, and whether it lies on disk."""

    letter: Letter
    on_disk: bool


class Selection(NamedTuple):
    """Which letters: of these reasons, all when there is none, rejected at this time or later, in milliseconds."""

    reasons: frozenset[str] = frozenset()
    since_ms: int = 0

    def has(self, letter: Letter) -> bool:
        """Return whether a letter is among them."""
        return letter.rejected >= self.since_ms and (not self.reasons or letter.reason in self.reasons)


class Archive:
    """The dead letters of an instance, running or not, each once: a crash may have written one twice.

    `trouble` says what could not be read, once everything else was.
    """

    def __init__(self, config: Config) -> None:
        self._config = with_address(config)
        self._folder = spool_folder(config)
        self.trouble = ""

    def __iter__(self) -> Iterator[Found]:
        seen = set[tuple[str, int, int, int]]()
        for found in self._everything():
            place = found.letter.place
            if place[0] and place in seen:
                continue
            seen.add(place)
            yield found

    def _everything(self) -> Iterator[Found]:
        try:
            yield from (Found(letter, False) for letter in self._topic())
        except BadSource as exc:
            self.trouble = str(exc)
        for path in files(self._folder):
            yield from (Found(letter, True) for letter in self._file(path))

    def _topic(self) -> Iterator[Letter]:
        """Read the topic up to where it ends now."""
        kafka = self._config.kafka
        source = open_source(kafka.address, kafka.dead_letter, {}, on_gap="skip", extra=kafka.options)
        try:
            ends, place = dict(source.offsets.high), source.offsets.next
            until = time.monotonic() + PATIENCE_S
            while any(place[partition] < end for partition, end in ends.items()):
                records = source.poll(PIECE, 0.2)
                yield from map(unpack, records)
                if records:
                    until = time.monotonic() + PATIENCE_S
                elif time.monotonic() > until:
                    raise BadSource(
                        f"{kafka.address}: topic {kafka.dead_letter} is not read to its end: nothing came for "
                        f"{PATIENCE_S:.0f} s; is the broker up?"
                    )
        finally:
            source.close()

    def _file(self, path: Path) -> Iterator[Letter]:
        try:
            yield from read(path)
        except BadSource as exc:
            self.trouble = str(exc)
