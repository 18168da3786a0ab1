"""How `riverwalk train` learns from a log."""

from __future__ import annotations

import msgspec


class TrainSettings(msgspec.Struct, frozen=True):
    """How a log is learned from.

    Fields:
        share: Of the events that are learned from; all of them change the state.
        limit: Events at most.
        append: Whether the log may be another one than before.
        fresh_weights: Whether to drop first what was learned before.
        strict: Whether a line that is no event ends it.
    """

    share: float = 1.0
    limit: int | None = None
    append: bool = False
    fresh_weights: bool = False
    strict: bool = False
