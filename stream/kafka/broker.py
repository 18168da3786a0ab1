"""Kafka brokers: availability, topics and identity.  This folder alone knows the Kafka client."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from stream.error import BadSource

ASK_S: Final = 2.5  # how long a request to the broker may take
AGAIN_S: Final = 0.05
MAKE_S: Final = 10.0  # how long a broker that answers may take to make a topic
_LEADERLESS: Final = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)  # of a new topic
_COMMON: Final = {
    "log_level": 2,  # errors come back as values
    "socket.keepalive.enable": True,
    "reconnect.backoff.max.ms": 1000,  # a broker that is back is found soon
}

Client = TypeVar("Client")
Extra = Mapping[str, str | int | float | bool]  # settings of librdkafka by name: TLS, passwords, …


def ready(address: str, extra: Extra | None = None, wait_s: float = 2.0) -> bool:
    """Return whether a broker answers at the address."""
    with suppress(KafkaException):
        return bool(connect(AdminClient, client_settings(address, extra)).list_topics(timeout=wait_s).brokers)
    return False


def ensure_topic(
    address: str,
    topic: str,
    partitions: int = 1,
    extra: Extra | None = None,
    *,
    compact: bool = False,
    stamped: bool = False,
) -> int:
    """Make a topic where there is none and return its number of partitions.

    Args:
        compact: Keep only the newest record of each key.
        stamped: Have the broker set the time of each record, whatever its producer says.

    Raises:
        BadSource: The broker does not answer, or does not make it.
    """
    client = connect(AdminClient, client_settings(address, extra))
    about = ask(address, client.list_topics, timeout=ASK_S)
    if topic in about.topics:
        return len(about.topics[topic].partitions)
    settings = {"cleanup.policy": "compact"} if compact else {}
    settings |= {"message.timestamp.type": "LogAppendTime"} if stamped else {}
    new = NewTopic(topic, partitions, config=settings)
    try:
        client.create_topics([new], request_timeout=MAKE_S)[topic].result(2 * MAKE_S)
    except KafkaException as exc:
        if exc.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise BadSource(f"{address}: topic {topic} cannot be made ({exc.args[0].str()})") from exc
    return partitions


def client_settings(address: str, extra: Extra | None, **more: Any) -> dict[str, Any]:
    """Return the settings of a client: ours, then the caller's, then the operator's."""
    return {"bootstrap.servers": address, **_COMMON, **more, **(extra or {})}


def connect(kind: Callable[[dict[str, Any]], Client], settings: dict[str, Any]) -> Client:
    """Return a client, or raise BadSource where it does not take its settings; nothing is asked of the broker yet."""
    try:
        return kind(settings)
    except KafkaException as exc:
        where = settings["bootstrap.servers"]
        raise BadSource(f"{where}: {exc.args[0].str()}; correct kafka.options") from exc


def ask(address: str, question: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Return what a request to the broker returns; of a partition that has no leader yet it is asked again for a while.

    Raises:
        BadSource: The broker does not answer.
    """
    deadline = time.monotonic() + ASK_S
    while True:
        try:
            return question(*args, **options)
        except KafkaException as exc:
            if exc.args[0].code() not in _LEADERLESS or time.monotonic() > deadline:
                why = f"no answer from the broker ({exc.args[0].str()})"
                raise BadSource(f"{address}: {why}; start it, or correct kafka.address") from exc
        time.sleep(AGAIN_S)
