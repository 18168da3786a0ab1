"""The plan: which models run, for how long each, and which are left out and why, before anything runs."""

from __future__ import annotations

from typing import NamedTuple

from deploy.compare.plan import memory
from deploy.compare.plan.pace import Pace, Seconds, Size
from deploy.evaluate.setting import FITTED, PYG

LEAST_S = 4.0  # a shorter fit says nothing
LIMIT_S = 60.0  # of a fit of 100 000 events where no budget is given
PYG_LIMITS = 4  # so much more for PyG's TGN, which reads training event by event, some twenty times
SPARE = 0.85  # of a budget that is planned with: estimates are none
LAST = ("riverwalk", "popularity")  # the last to be left out


class Planned(NamedTuple):
    """A model and what it is given.

    Fields:
        runs: Processes that are left to run, one a seed.
        seconds: Estimated, of one run; `fit` as cut.
        limit: Seconds that a fit may take, 0 for any.
        cut: Whether it is given less than it is estimated to need.
        bytes: Estimated, of one run.
        skipped: Why it is left out, empty where it is not.
    """

    name: str
    runs: int
    seconds: Seconds
    limit: float = 0.0
    cut: bool = False
    bytes: int = 0
    skipped: str = ""

    @property
    def left_s(self) -> float:
        """Seconds of computing that are still to be done."""
        return 0.0 if self.skipped else self.runs * self.seconds.all


def rows(name: str, by_user: bool) -> int:
    """Return how many passes over the log a model's figures take."""
    return 2 if name in FITTED and not by_user else 1


def plan(
    names: list[str], size: Size, pace: Pace, left: dict[str, int], skipped: dict[str, str], *, by_user: bool
) -> list[Planned]:
    """Return what each model is estimated to take; what needs too much memory is left out.

    Args:
        left: Runs that have not finished before, by model.
        skipped: Models that are left out already, and why.
    """
    most = memory.limit()
    limit = LIMIT_S * max(1.0, size.train / 1e5)
    out = []
    for name in names:
        if name in skipped:
            out.append(Planned(name, 0, Seconds(0, 0), skipped=skipped[name]))
            continue
        seconds = pace.seconds(name, size, rows(name, by_user))
        given = limit if name in FITTED else PYG_LIMITS * limit if name == PYG else 0.0
        out.append(
            Planned(
                name,
                left[name],
                Seconds(min(seconds.fit, given), seconds.rest),
                given,
                seconds.fit > given,
                memory.needed(name, size),
                memory.refusal(name, size, most) if left[name] else "",
            )
        )
    return out


def within(planned: list[Planned], budget_s: float, slots: int) -> list[Planned]:
    """Return the plan inside a budget: fits are cut to an equal share first, then the longest models are left out."""
    room = SPARE * budget_s * slots
    longest = SPARE * budget_s
    while True:
        left = [one for one in planned if one.left_s > 0]
        share = _share(left, room)
        over = [
            one
            for one in left
            if one.seconds.rest + min(one.seconds.fit, share) > longest and one.name not in LAST
        ]
        if not over and share >= LEAST_S:
            break
        candidates = over or [one for one in left if one.name not in LAST]
        if not candidates:
            break
        gone = max(
            candidates, key=lambda one: one.seconds.rest + (one.seconds.fit if share >= LEAST_S else 0.0)
        )
        words = f"about {minutes(gone.runs * gone.seconds.all)} are more than the budget of {minutes(budget_s)} leaves"
        planned = [
            one._replace(skipped=f"{words}; give more, or name it alone") if one is gone else one
            for one in planned
        ]
    share = max(LEAST_S, share)
    return [
        one._replace(
            seconds=Seconds(min(one.seconds.fit, share), one.seconds.rest),
            limit=min(one.limit, max(LEAST_S, share)),
            cut=one.cut or one.seconds.fit > share,
        )
        if one.limit and one.left_s > 0
        else one
        for one in planned
    ]


def _share(left: list[Planned], room: float) -> float:
    """Return the most seconds a fit may take so that all fit into the room; below `LEAST_S` where they do not."""
    room -= sum(one.runs * one.seconds.rest for one in left)
    fits = sorted((one.seconds.fit, one.runs) for one in left if one.seconds.fit > 0)
    if not fits:
        return 1e9 if room >= 0 else 0.0
    waiting = sum(runs for _, runs in fits)
    for fit, runs in fits:
        if fit * waiting > room:
            return max(0.0, room / waiting)
        room -= fit * runs
        waiting -= runs
    return 1e9


def minutes(seconds: float) -> str:
    """Return a span for people: seconds below two minutes, else minutes."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
