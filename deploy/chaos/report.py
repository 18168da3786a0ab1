"""What a chaos run does, and what it found."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from deploy.chaos.verify import Verdict


class Chaos(msgspec.Struct, frozen=True, kw_only=True):
    """What a run does.

    Args:
        kills: Of ingest, broker and producer together.
        instances: Of them, kills of parts of whole instances.
        broker: `log` for the embedded log, `kafka` for a real Kafka of its own.
        partitions: Of the topic.
        learn: Whether lives learn; counted tables are compared all the same.
    """

    kills: int = 100
    instances: int = 4
    broker: str = "log"
    partitions: int = 1
    learn: bool = False
    seed: int = 0


class Report(msgspec.Struct):
    """What a run did and found."""

    broker: str
    partitions: int
    kills: Counter[str]
    events: int = 0
    seconds: float = 0.0
    verdict: Verdict = msgspec.field(default_factory=Verdict)

    def row(self) -> dict[str, Any]:
        """Return it as one thing by name."""
        kinds = {f"killed_{name}": count for name, count in sorted(self.kills.items())}
        found = msgspec.structs.asdict(self.verdict)
        return {
            "broker": self.broker, "partitions": self.partitions, "kills": sum(self.kills.values()), **kinds,
            "events": self.events, "seconds": round(self.seconds, 1), **found, "right": self.verdict.right,
        }  # fmt: skip
