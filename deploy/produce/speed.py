"""How fast events are produced: so many a second, all in so many seconds, so many times their own speed, or at once."""

import re
from typing import Literal

import msgspec

from deploy.config.schema import BadConfig
from stream.event.duration import duration

Kind = Literal["rate", "span", "factor", "max"]


class Speed(msgspec.Struct, frozen=True):
    """When each event is due.

    Units: `rate` events a second, `span` seconds for all events, `factor` seconds of event time a second.
    """

    kind: Kind
    value: float = 0.0

    def due(self, number: int, age_ms: int, total: int) -> float:
        """Seconds after the start at which an event is due.

        Args:
            number: How many events were before it.
            age_ms: Its event time less that of the first.
            total: How many events there are.
        """
        if self.kind == "rate":
            return number / self.value
        if self.kind == "span":
            return self.value * number / max(total, 1)
        if self.kind == "factor":
            return age_ms / 1000.0 / self.value
        return 0.0


def parse(text: str | float | None) -> Speed:
    """The speed in `5000/s` or `5000` (events a second), `60s` or `2m` (all in that time), `100x`, or `max`."""
    if text is None:
        return Speed("span", 60.0)
    word = str(text).strip().lower()
    if word == "max":
        return Speed("max")
    span = duration(word)
    if span is not None and float(span) > 0:
        return Speed("span", float(span) / 1000)
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(/s|x)?", word)
    if found is None or float(found[1]) <= 0:
        raise BadConfig(f"speed {text!r} is not known; write 5000/s, 60s (all in that time), 100x, or max")
    return Speed("factor" if found[2] == "x" else "rate", float(found[1]))
