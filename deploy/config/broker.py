"""Where events are kept: the Kafka broker that is named, or the log in the state folder."""

from pathlib import Path

import msgspec

from deploy.config.schema import Config
from stream.broker import ensure_topic, log_address, log_folder


def with_address(config: Config) -> Config:
    """Return the configuration with an address: the one it has, or that of the log in its state folder."""
    kafka = config.kafka
    if kafka.address:
        return config
    return msgspec.structs.replace(
        config, kafka=msgspec.structs.replace(kafka, address=log_address(config.state.folder))
    )


def describe_broker(config: Config) -> str:
    """Return where events are kept, for people."""
    folder = log_folder(config.kafka.address)
    return f"broker {config.kafka.address}" if folder is None else f"log {folder}"


def spool_folder(config: Config) -> Path:
    """Return where dead letters lie that their topic did not take."""
    return Path(config.state.folder).expanduser().absolute() / "dead"


def ensure_topics(config: Config) -> None:
    """Make the topics of an instance that are missing.

    Raises:
        BadSource: The broker, or the log, does not take them.
    """
    kafka = config.kafka
    for name in (kafka.topic, kafka.dead_letter, kafka.items):
        compact, stamped = name == kafka.items, name == kafka.topic
        ensure_topic(kafka.address, name, kafka.options, compact=compact, stamped=stamped)
