"""How counts decay, edges live and walks go: the settings of the counted state.

`Decay` and `Graph` are sections of the configuration, so nothing here loads more than msgspec until it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

if TYPE_CHECKING:
    import numpy as np

Above = Annotated[float, msgspec.Meta(gt=0)]
NotBelow = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Decay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How fast counts fade: half-lives as multiples of the pace; a pace of 0 is the stream's own (see `update.measure_pace`)."""

    pace_seconds: NotBelow = 0.0
    half_lives: tuple[Above, Above, Above, Above, Above] = (0.03, 0.2, 1.0, 5.0, 36.0)


class Graph(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which items count as taken together, how edges of the co-watch graph fade and age, and how walks go."""

    window_hours: Above = 24.0
    half_life_paces: Above = 36.0
    aging_month_days: Above = 30.0
    aging_share: Share = 0.1
    aging_every_days: Above = 30.0
    walk_steps: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 256
    walk_restart: Share = 0.4
    walk_seeds: Annotated[int, msgspec.Meta(ge=0, le=32)] = 12
    walk_seed_decay: Share = 0.75
    walk_seeds_by: Literal["recency", "clusters"] = "recency"


class GraphSettings(Graph, frozen=True):
    """All settings of the counted state: what an operator sets, and what is fixed."""

    decay: Decay = Decay()
    user_half_lives: tuple[float, float] = (0.2, 5.0)  # multiples of the pace
    reach: int = 8
    closeness: float = 0.8
    backward: float = 1.0
    session_minutes: float = 30.0
    seen_max: int = 4096

    def rates(self) -> np.ndarray:
        """Return the settings as the one-row array the kernels read."""
        import numpy as np

        from state.record.layout import HISTORY, INLINE, RATES

        rates = np.zeros(1, RATES)
        rates["pop"] = self.decay.half_lives
        rates["user"] = self.user_half_lives
        rates["edge"] = self.half_life_paces
        rates["pace"] = self.decay.pace_seconds * 1_000
        rates["window"] = self.window_hours * 3_600_000
        rates["reach"] = min(self.reach, INLINE)
        rates["backward"] = self.backward
        rates["closeness"] = self.closeness
        rates["month"] = self.aging_month_days * 86_400_000
        rates["share"] = self.aging_share
        rates["session"] = self.session_minutes * 60_000
        rates["seen_max"] = self.seen_max
        rates["steps"] = self.walk_steps
        rates["restart"] = self.walk_restart
        rates["seeds"] = min(self.walk_seeds, HISTORY)
        rates["seed_decay"] = self.walk_seed_decay
        rates["clusters"] = self.walk_seeds_by == "clusters"
        rates["every"] = self.aging_every_days * 86_400_000
        return rates
