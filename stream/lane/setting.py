"""Sizes of the lanes."""

from __future__ import annotations

import msgspec


class LaneSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How many records each lane holds, and what the ranker may learn from.

    Args:
        ranked: The share of events that are described at most.
        part: Of ingest's time that describing them may take.
        hurried: The same while a backlog is read.
    """

    events: int = 1 << 19
    samples: int = 256
    ranked: float = 0.25
    part: float = 0.25
    hurried: float = 0.05
