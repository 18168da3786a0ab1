"""What a report measures: the sizes, and about how long each part takes."""

from __future__ import annotations

from typing import NamedTuple


class Plan(NamedTuple):
    """The sizes of a report; a size of 0, or an empty row of sizes, leaves its part out.

    backlog: Events of a backlog, in a real Kafka where one can be started.
    lesson: Whether learning is measured by itself, beside PyG's TGN.
    served: Events before the first request over the socket, with one reader and with two.
    users, items, history, k: Sizes that request time is measured against, in process.
    requests: Requests at each of these sizes.
    rows: Users, and then items, that memory is measured with.
    """

    backlog: int = 500_000
    lesson: bool = True
    served: int = 100_000
    users: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    items: tuple[int, ...] = (1_000, 10_000, 100_000)
    history: tuple[int, ...] = (1, 8, 32, 100, 300)
    k: tuple[int, ...] = (5, 20, 50, 100, 200)
    requests: int = 1_000
    rows: int = 20_000

    def minutes(self) -> dict[str, float]:
        """Return the parts that are measured, in order, and about the minutes each takes on two idle cores."""
        made = 4e-5 * (2 * sum(self.users) + sum(max(5 * COMMON, 2 * one) for one in self.items)) / 60
        asked = 1e-3 * self.requests / 60
        found = {
            "backlog": (0.5 + 4e-5 * self.backlog / 60) if self.backlog else 0.0,
            "learning": 0.8 if self.lesson else 0.0,
            "readers": (0.6 + 2 * 4e-5 * self.served / 60) if self.served else 0.0,
            "bytes": (0.1 + 3e-4 * 2 * EACH * self.rows / 60) if self.rows else 0.0,
            "users and items": made + asked * len(self.users + self.items)
            if self.users + self.items
            else 0.0,
            "history and k": 0.1 + asked * len(self.history + self.k) if self.history + self.k else 0.0,
        }
        return {name: round(one, 2) for name, one in found.items() if one}


COMMON = 10_000  # users, and items, where another size is measured
EACH = 5  # events a user where memory is measured
FULL = Plan()
QUICK = Plan(
    backlog=150_000,
    lesson=False,
    served=20_000,
    users=(10_000, 100_000),
    items=(1_000, 10_000),
    history=(1, 32),
    k=(5, 20, 200),
    requests=300,
    rows=3_000,
)
