"""Ask the broker about a topic in the background: whether it answers, which topic it is, its partitions and their leaders.

A request runs every half second in threads of its own: nobody waits for it, and a broker that is away delays nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from stream.error import BadSource
from stream.kafka.broker import ASK_S, Extra, client_settings, connect

EACH_S: Final = 0.5  # between the beginnings of two requests
ANSWER_S: Final = 2.0  # how long an answer may take
SLACK_S: Final = 1.0  # after which the client itself should have told that there was none
NO_ID: Final = "A" * 22  # what a broker from before topic ids reports, in base64


class Found(NamedTuple):
    """What the broker says of a topic."""

    id: str  # "<cluster id>/<topic id>", empty where the broker has none
    partitions: frozenset[int]
    headless: tuple[int, ...]  # partitions that no broker leads now


class Watch:
    """Looks at a topic.  One thread uses it.

    Args:
        address: host:port of the broker, several with commas.
        listing: Returns metadata of a topic, and never makes one: `list_topics` of a consumer.
        extra: More settings of the client.
    """

    def __init__(self, address: str, topic: str, listing: Callable[..., Any], extra: Extra | None) -> None:
        self._address, self._topic, self._heard = address, topic, ""
        self._client = connect(AdminClient, client_settings(address, extra, error_cb=self._hear))
        self._listing = listing
        self._pool: ThreadPoolExecutor | None = None  # asks brokers that describe no topics
        self._asked: Future[Any] | None = None
        self._asked_at = 0.0
        self.since = 0.0  # when the last request began that found the topic
        self._cluster = ""
        self.found = Found("", frozenset(), ())
        self.gone = self.silent = ""  # why the topic is not found, and why nobody answers

    def open(self) -> Found:
        """Wait for what the broker says, and return it.

        Raises:
            BadSource: The broker does not answer, or has no such topic.
        """
        asked = self._ask(ASK_S)
        try:
            about = self._listing(self._topic, timeout=ASK_S)
            self._cluster, self.found = about.cluster_id or "", _listed(about)
            if about.controller_id in about.brokers:  # only such a one describes topics
                self.found = self._described(asked.result(SLACK_S))
            else:
                self._pool = ThreadPoolExecutor(1, thread_name_prefix="watch")
        except (KafkaException, TimeoutError) as exc:
            raise BadSource(self._refusal(exc)) from exc
        self.since = time.monotonic()
        return self.found

    def close(self) -> None:
        """Ask no more."""
        if self._pool is not None:
            self._pool.shutdown()

    def step(self, each_s: float = EACH_S) -> None:
        """Take in what came, and ask again when the last question is so old; never waits."""
        now = time.monotonic()
        if self._asked is not None:
            if self._asked.done():
                self._take(self._asked)
            elif now - self._asked_at > ANSWER_S + SLACK_S:
                self._lose(TimeoutError())
        if self._asked is None and now - self._asked_at > each_s:
            self._asked, self._asked_at = self._ask(ANSWER_S), now

    def trouble(self) -> str:
        """Return why the topic cannot be read in full, empty when it can."""
        if self.gone or self.silent or not self.found.headless:
            return self.gone or self.silent
        numbers = ", ".join(map(str, self.found.headless))
        return f"{self._address}: topic {self._topic}: no broker leads partition {numbers}; start the brokers that hold it"

    def _ask(self, wait_s: float) -> Future[Any]:
        if self._pool is not None:
            return self._pool.submit(self._listing, self._topic, timeout=wait_s)
        asked = self._client.describe_topics(TopicCollection([self._topic]), request_timeout=wait_s)
        return asked[self._topic]

    def _take(self, asked: Future[Any]) -> None:
        """Note what an answer says."""
        try:
            self.found = (self._described if self._pool is None else _listed)(asked.result())
        except KafkaException as exc:
            self._lose(exc)
            return
        self._asked, self.since = None, self._asked_at
        self.gone = self.silent = self._heard = ""

    def _described(self, topic: Any) -> Found:
        identity = str(topic.topic_id)
        return Found(
            "" if identity == NO_ID else f"{self._cluster}/{identity}",
            frozenset(part.id for part in topic.partitions),
            tuple(part.id for part in topic.partitions if part.leader is None or part.leader.id < 0),
        )

    def _lose(self, exc: Exception) -> None:
        """Note that the topic was not found, or nobody answered."""
        self._asked = None
        text = self._refusal(exc)
        if isinstance(exc, KafkaException) and exc.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            self.gone, self.silent = text, ""
        else:
            self.silent = text

    def _refusal(self, exc: Exception) -> str:
        """Return what an operator is told of an answer that is none."""
        self._client.poll(0)  # hears what the connections met
        error = exc.args[0] if isinstance(exc, KafkaException) else KafkaError(KafkaError._TIMED_OUT)
        if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART and self.since:
            why = f"topic {self._topic} is not there any more ({error.str()}); it was deleted"
            return (
                f"{self._address}: {why}: name another topic with kafka.topic, "
                'or make it anew and set kafka.on_gap = "skip"'
            )
        if error.code() >= 0:
            why = f"topic {self._topic} cannot be read ({error.str()})"
            return f"{self._address}: {why}; make it, or correct kafka.topic"
        why = self._heard or error.str()
        return f"{self._address}: no answer from the broker ({why}); start it, or correct kafka.address"

    def _hear(self, error: KafkaError) -> None:
        """Keep what the client says of its connections: a request that fails says only that time is up."""
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._heard = error.str()


def _listed(about: Any) -> Found:
    [topic] = about.topics.values()
    if topic.error is not None:
        raise KafkaException(topic.error)
    parts = topic.partitions.values()
    return Found("", frozenset(topic.partitions), tuple(part.id for part in parts if part.leader < 0))


def topic_id(address: str, topic: str, extra: Extra | None) -> str:
    """Return the identity of a topic: see `Found`."""
    client = connect(Consumer, client_settings(address, extra, **{"group.id": "riverwalk"}))
    try:
        return Watch(address, topic, client.list_topics, extra).open().id
    finally:
        client.close()
