"""Kafka brokers: availability, topics and identity; and an embedded one for trying out.

This folder alone knows the Kafka client.  The embedded broker is librdkafka's test broker: it speaks the real
protocol, to other processes too, and:

    - keeps 5 MiB a partition, as sent: about 31 000 small messages (a Sink compresses, and `ahead` waits for a reader)
    - gives every topic 4 partitions; answers a reader without news after the longest wait allowed, a Source's 5 ms
    - shows aborted transactions, and forgets everything with its process
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from stream.error import BadSource

ASK_S: Final = 10.0  # how long a request to the broker may take
MOCK: Final = "mockCluster"  # how the embedded broker's id begins
_COMMON: Final = {"log_level": 2, "socket.keepalive.enable": True}  # errors come back as values

Extra = Mapping[str, str | int | float | bool]  # settings of librdkafka by name: TLS, passwords, …


def ready(address: str, extra: Extra | None = None, wait_s: float = 2.0) -> bool:
    """Return whether a broker answers at the address."""
    with suppress(KafkaException):
        return bool(AdminClient(client_settings(address, extra)).list_topics(timeout=wait_s).brokers)
    return False


def ensure_topic(
    address: str, topic: str, partitions: int = 1, extra: Extra | None = None, *, compact: bool = False
) -> int:
    """Make a topic where there is none and return its number of partitions (the embedded broker gives 4)."""
    client = AdminClient(client_settings(address, extra))
    try:
        about = client.list_topics(timeout=ASK_S)
        if topic not in about.topics and str(about.cluster_id).startswith(MOCK):
            about = Producer(client_settings(address, extra)).list_topics(topic, timeout=ASK_S)
        if topic in about.topics:
            return len(about.topics[topic].partitions)
        new = NewTopic(topic, partitions, config={"cleanup.policy": "compact"} if compact else {})
        client.create_topics([new], request_timeout=ASK_S)[topic].result(2 * ASK_S)
    except KafkaException as exc:
        if exc.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise BadSource(f"{address}: topic {topic} cannot be made ({exc.args[0].str()})") from exc
    return partitions


def identity(address: str, topic: str, extra: Extra | None = None) -> str:
    """Return the name a topic's offsets are kept under: the embedded broker's topic is a new one at every start."""
    client = AdminClient(client_settings(address, extra))
    cluster = str(ask(address, client.list_topics, timeout=ASK_S).cluster_id)
    return f"{topic}@{cluster}/{address}" if cluster.startswith(MOCK) else topic


def client_settings(address: str, extra: Extra | None, **more: Any) -> dict[str, Any]:
    """Return the settings of a client: ours, then the caller's, then the operator's."""
    return {"bootstrap.servers": address, **_COMMON, **more, **(extra or {})}


def ask(address: str, question: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Return what a request to the broker returns, or raise BadSource where it does not answer."""
    try:
        return question(*args, **options)
    except KafkaException as exc:
        why = f"no answer from the broker ({exc.args[0].str()})"
        raise BadSource(f"{address}: {why}; start it, or correct kafka.address") from exc


class EmbeddedBroker:
    """An in-process broker on a free port of 127.0.0.1 for as long as this object lives, with some topics made."""

    def __init__(self, topics: Iterable[str] = ()) -> None:
        self._client: Producer | None = Producer(client_settings("", {"test.mock.num.brokers": 1}))
        broker = next(iter(self._client.list_topics(timeout=ASK_S).brokers.values()))
        self.address = f"{broker.host}:{broker.port}"
        for topic in topics:
            self._client.list_topics(topic, timeout=ASK_S)  # asking makes it

    def close(self) -> None:
        """Stop the broker and drop what it held."""
        self._client = None
