"""Write dead letters: to their topic, or on disk while it does not take them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

import structlog

from stream import metric
from stream.dead_letter.erasure import Erased
from stream.dead_letter.letter import Letter, erased, pack, rejected
from stream.dead_letter.mention import Mention
from stream.dead_letter.resend import Outcome, Resender, Sink
from stream.dead_letter.spool import Spool, read
from stream.error import BadSource
from stream.event.batch import Record
from stream.event.message import AWAY

log = structlog.get_logger("dead letters")

WAIT_S: Final = 3.0  # how long the topic may take to accept a record before it is kept on disk
Erase = Callable[[Mention], dict[str, int]]


class DeadLetter:
    """Keep rejected records: in a topic of their own, on disk when it refuses them or nobody answers.  One thread uses it.

    What lies on disk is sent, cut where it is too large, by a thread that ends with `close`.

    Args:
        connect: Makes what writes to the dead-letter topic.
        origin: The topic of events, where the records come from.
        spool: Where they lie on disk.
        topic: The name of the dead-letter topic.
        erase: Erases letters of the topic; None where nobody can.
        wait_s: How long the topic may take to accept a record.
    """

    def __init__(
        self,
        connect: Callable[[], Sink],
        *,
        origin: str,
        spool: Spool,
        topic: str = "",
        erase: Erase | None = None,
        wait_s: float = WAIT_S,
    ) -> None:
        self._connect, self._origin, self._spool, self._topic = connect, origin, spool, topic
        self._erase, self._wait_s = erase, wait_s
        self._sink: Sink | None = None
        self._outcome = Outcome()
        self._away = False  # the topic took nothing the last time
        self._told = False  # that letters are on disk
        self._resender = Resender(spool, connect, wait_s=wait_s, taken=self._taken)
        metric.gauge("dead_letters_on_disk", spool.count)
        if spool.count:
            self._resender.wake()

    def put(self, record: Record, reason: str, message: str, *, origin: str = "") -> None:
        """Take a rejected record, of another topic where `origin` names one."""
        now_ms = time.time_ns() // 1_000_000
        letter = rejected(record, origin or self._origin, reason, message, now_ms)
        if self._away:
            self._keep(letter, "the topic took nothing a moment ago")
            return
        if self._sink is None:
            self._sink = self._connect()
        self._outcome.post(self._sink, letter, pack(letter))

    def flush(self) -> None:
        """Return when everything is in the topic or on disk.

        Raises:
            BadSource: It is neither: the disk is full, or the folder has its gibibyte.  The stream stops rather than drop a
                record.
        """
        if self._sink is not None:
            for letter, kind, why in self._outcome.settle(self._sink, 2 * self._wait_s):
                self._away |= kind == AWAY
                self._keep(letter, why)
        self._spool.sync()
        if self._spool.count:
            metric.gauge("dead_letters_on_disk", self._spool.count)
            self._resender.wake()

    def erase(self, users: Iterable[str]) -> Erased:
        """Erase what is left of users in letters: on disk, and in the topic where that is our own log's.

        Raises:
            BadSource: The log, or the disk, does not take it now.
        """
        mention = Mention(users, self._origin)
        with self._resender.halted():
            counts = self._on_disk(mention)
        if self._erase is None:
            return Erased(counts, self._topic)
        for user, count in self._erase(mention).items():
            counts[user] = counts.get(user, 0) + count
        return Erased(counts, "")

    def close(self) -> None:
        """Disconnect; what is on disk is sent by the next start."""
        self._resender.close()
        if self._sink is not None:
            self._sink.close()
        self._spool.close()

    def of(self, origin: str) -> Branch:
        """Return what takes the rejected records of another topic."""
        return Branch(self, origin)

    def _keep(self, letter: Letter, why: str) -> None:
        self._spool.add(letter)
        if not self._told:
            self._told = True
            log.warning(
                "a dead letter was not taken; it is kept on disk and sent later",
                folder=str(self._spool.folder),
                reason=why,
            )

    def _taken(self) -> None:
        """Note, in the thread that sends, that the topic takes letters again."""
        self._away = False
        metric.gauge("dead_letters_on_disk", self._spool.count)
        if self._told and not self._spool.count:
            self._told = False
            log.info("the dead letters that were kept on disk are sent")

    def _on_disk(self, mention: Mention) -> dict[str, int]:
        counts: dict[str, int] = {}
        for path in self._spool.sealed():
            try:
                letters = list(read(path))
            except BadSource as exc:
                log.error("a file of dead letters was not searched for a user to forget", reason=str(exc))
                continue
            users = [mention.users(letter) for letter in letters]
            for user in (user for found in users for user in found):
                counts[user] = counts.get(user, 0) + 1
            if any(users):
                kept = [erased(one) if found else one for one, found in zip(letters, users, strict=True)]
                self._spool.replace(path, kept)
        return counts


class Branch:
    """The same for the records of another topic; what it belongs to disconnects."""

    def __init__(self, letters: DeadLetter, origin: str) -> None:
        self._letters, self._origin = letters, origin

    def put(self, record: Record, reason: str, message: str) -> None:
        """Take a rejected record."""
        self._letters.put(record, reason, message, origin=self._origin)

    def flush(self) -> None:
        """Return when everything is in the topic or on disk, or raise BadSource."""
        self._letters.flush()
