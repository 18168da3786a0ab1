"""Options of the Kafka client that an operator may not set, by name, each with the reason.

Events are applied exactly once because offsets lie in the store beside the state, and records are written once and kept.
These options would take that away, or are settings of Riverwalk's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from deploy.config.schema import BadConfig

_ACKS: Final = "an event that was answered for lies on every replica that is in sync"
_OFFSETS: Final = "offsets are kept in the store beside the state they made, and reading begins there"
_WAIT: Final = "how long a record may wait decides what EVENT answers"
_ANEW: Final = "the client must wait after an error, so that no record of a topic that was made anew is taken"

FIXED: Final = {
    "bootstrap.servers": "set kafka.address",
    "metadata.broker.list": "set kafka.address",
    "group.id": "the position that others see is reported under one name",
    "group.instance.id": "partitions are not shared out in a group",
    "group.protocol": "partitions are not shared out in a group",
    "enable.auto.commit": _OFFSETS,
    "auto.commit.enable": _OFFSETS,
    "auto.commit.interval.ms": _OFFSETS,
    "enable.auto.offset.store": _OFFSETS,
    "auto.offset.reset": "set kafka.start and kafka.on_gap",
    "enable.partition.eof": "the end of a partition is how lag and open transactions are known",
    "fetch.error.backoff.ms": _ANEW,
    "allow.auto.create.topics": "a topic that was deleted must not come back as another one",
    "isolation.level": "what a transaction has not committed must not be applied",
    "check.crcs": "damaged records must not be applied",
    "enable.idempotence": "records are written once and in order, also when a request is sent again",
    "acks": _ACKS,
    "request.required.acks": _ACKS,
    "transactional.id": "each record is one of its own",
    "message.timeout.ms": _WAIT,
    "delivery.timeout.ms": _WAIT,
    "delivery.report.only.error": "a record that was written is told, too",
    "test.mock.num.brokers": "such a broker is forgotten with its process",
    "plugin.library.paths": "no foreign code is loaded into the client",
}
SAME: Final = {  # values that change nothing
    "acks": ("all", "-1"),
    "request.required.acks": ("all", "-1"),
    "enable.idempotence": ("true",),
    "isolation.level": ("read_committed",),
    "check.crcs": ("true",),
    "enable.auto.commit": ("false",),
    "auto.commit.enable": ("false",),
    "enable.auto.offset.store": ("false",),
    "allow.auto.create.topics": ("false",),
}


def check(options: Mapping[str, str]) -> None:
    """Raise BadConfig where `kafka.options` names an option that is fixed."""
    for name, value in options.items():
        if name in FIXED and value.lower() not in SAME.get(name, ()):
            raise BadConfig(f"kafka.options: {name} cannot be set: {FIXED[name]}; leave it out")
