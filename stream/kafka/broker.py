"""Kafka brokers: availability, topics and identity.  This folder alone knows the Kafka client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from stream.error import BadSource

ASK_S: Final = 10.0  # how long a request to the broker may take
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
    """Make a topic where there is none and return its number of partitions."""
    client = AdminClient(client_settings(address, extra))
    try:
        about = client.list_topics(timeout=ASK_S)
        if topic in about.topics:
            return len(about.topics[topic].partitions)
        new = NewTopic(topic, partitions, config={"cleanup.policy": "compact"} if compact else {})
        client.create_topics([new], request_timeout=ASK_S)[topic].result(2 * ASK_S)
    except KafkaException as exc:
        if exc.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise BadSource(f"{address}: topic {topic} cannot be made ({exc.args[0].str()})") from exc
    return partitions


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
