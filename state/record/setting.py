"""Settings of decay, edges and walks, and the row that kernels read them from."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from state.record.layout import HALF, HISTORY

RATES = np.dtype(
    [
        ("pop", "f8", (HALF,)),
        ("user", "f8", (2,)),
        ("edge", "f8"),
        ("pace", "f8"),  # fixed pace in ms, 0 to follow the stream
        ("window", "f8"),  # ms within which two events are co-watched
        ("reach", "i8"),  # how many of the user's last items an event is linked to
        ("backward", "f8"),  # weight of the edge from the later item back to the earlier one
        ("closeness", "f8"),  # weight of an edge a position further back
        ("month", "f8"),  # ms; unit of edge aging
        ("share", "f8"),  # share of old edges dropped a month
        ("session", "f8"),  # ms of silence that end a session
        ("seen_max", "i8"),  # items a user's seen list holds at most
        ("steps", "i8"),
        ("restart", "f8"),
        ("seeds", "i8"),
        ("seed_decay", "f8"),
        ("clusters", "i8"),  # 1: walks start from one item of each cluster of a history
        ("every", "f8"),  # ms between two aging passes
    ]
)


class GraphSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How counts decay, edges live and walks go.  Half-lives are multiples of the stream's pace (see `update.measure_pace`)."""

    pace_seconds: float = 0.0
    half_lives: tuple[float, float, float, float, float] = (0.03, 0.2, 1.0, 5.0, 36.0)
    user_half_lives: tuple[float, float] = (0.2, 5.0)
    edge_half_life: float = 36.0
    window_hours: float = 24.0
    reach: int = 8
    closeness: float = 0.8
    backward: float = 1.0
    aging_month_days: float = 30.0
    aging_share: float = 0.1
    session_minutes: float = 30.0
    seen_max: int = 4096
    steps: int = 256
    restart: float = 0.4
    seeds: int = 12
    seed_decay: float = 0.75
    seeds_by: Literal["recency", "clusters"] = "recency"
    aging_every_days: float = 30.0

    def rates(self) -> np.ndarray:
        """Return the settings as the one-row array the kernels read."""
        rates = np.zeros(1, RATES)
        rates["pop"] = self.half_lives
        rates["user"] = self.user_half_lives
        rates["edge"] = self.edge_half_life
        rates["pace"] = self.pace_seconds * 1_000
        rates["window"] = self.window_hours * 3_600_000
        rates["reach"] = min(self.reach, HISTORY)
        rates["backward"] = self.backward
        rates["closeness"] = self.closeness
        rates["month"] = self.aging_month_days * 86_400_000
        rates["share"] = self.aging_share
        rates["session"] = self.session_minutes * 60_000
        rates["seen_max"] = self.seen_max
        rates["steps"] = self.steps
        rates["restart"] = self.restart
        rates["seeds"] = min(self.seeds, HISTORY)
        rates["seed_decay"] = self.seed_decay
        rates["clusters"] = self.seeds_by == "clusters"
        rates["every"] = self.aging_every_days * 86_400_000
        return rates
