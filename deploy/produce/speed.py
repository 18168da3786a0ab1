"""How fast events are produced: so many a second, all in so many seconds, so many times their own speed, or at once."""

import re
from typing import Literal

import msgspec

from deploy.config.schema import BadConfig

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
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(/s|s|m|h|x)?", str(text).strip().lower())
    if str(text).strip().lower() == "max":
        return Speed("max")
    if found is None or float(found[1]) <= 0:
        raise BadConfig(f"speed {text!r} is not known; write 5000/s, 60s (all in that time), 100x, or max")
    value, unit = float(found[1]), found[2] or "/s"
    if unit == "x":
        return Speed("factor", value)
    if unit == "/s":
        return Speed("rate", value)
    return Speed("span", value * {"s": 1, "m": 60, "h": 3600}[unit])
