"""The verdict: what the figures allow to be said, in words, and nothing beyond the intervals.

A family is held against another by its best model.  The best is picked on one half of the users and measured on the
other, each half in turn, so that what was picked for its luck does not keep it.  Differences are shares of the other
side's MRR, with the interval that holds 95 % of 1 000 resamples of users (`tgn.metric.bootstrap`); where it holds 0
nothing is claimed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from deploy.evaluate.verdict.legend import COUNT, FACTOR, GRAPH, ITEM, LIVE, REPEATS, TEMPORAL, WALK, entry
from tgn.metric.bootstrap import interval

STEPS = (
    (COUNT, "counting"),
    (ITEM, "items beside items"),
    (FACTOR, "factorization"),
    (WALK, "walks"),
    (GRAPH, "graph models"),
    (TEMPORAL, "a temporal graph network"),
)
MAIN, COUNTED, FROZEN = "riverwalk", "riverwalk-counted", "riverwalk-frozen"
WITH_TRUST = {  # models with trust, and the same without
    "social-gcn": "social-gcn-no-trust", "social-gcn-live": "social-gcn-no-trust-live", "riverwalk-trust": MAIN,
}  # fmt: skip
CLOSE = 0.01  # of the MRR: what is nearer is called the same where the interval says so
LEAST_USERS = 20  # of whom something is said


class Worth(NamedTuple):
    """What each model is worth, over the same events.

    Shapes:
        - users: int [n], whose each value is; values: float64 [n] by model, reciprocal ranks
    """

    users: np.ndarray
    values: dict[str, np.ndarray]

    @property
    def enough(self) -> bool:
        """Whether there are users enough to say something."""
        return len(self.values) > 1 and np.unique(self.users).shape[0] >= LEAST_USERS


class Side(NamedTuple):
    """One side of a comparison: a model, or the best of several, float64 [n]."""

    name: str
    values: np.ndarray


class Gain(NamedTuple):
    """The difference between two sides as a share of the second one's MRR, with its interval."""

    mean: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0

    def __str__(self) -> str:
        return f"{_percent(self.mean)} % [{_percent(self.low)}, {_percent(self.high)}]"


class Found(NamedTuple):
    """All that the verdict is about.

    Fields:
        whole: Over all judged events; few: over those of users with fewer than five events before.
        repeats: The share of judged events on an item the user had; 0 where such items do not compete.
        seconds: By model, of fit and judging.
    """

    whole: Worth
    few: Worth
    repeats: float
    seconds: dict[str, float]


def sentences(found: Found) -> list[str]:
    """Return the verdict, a sentence each; at least one."""
    whole = found.whole
    if not whole.enough:
        what = "one model" if len(whole.values) < 2 else f"{np.unique(whole.users).shape[0]} users"
        return [f"Too little was judged to say which is better: {what}; nothing is claimed."]
    said = [_first(whole), _repeats(found)]
    said += _ladder(whole)
    said += [_few(found), _live(whole), _today(found), _learned(found), _trust(whole), _cheapest(found)]
    return [one for one in said if one]


def gain(worth: Worth, one: np.ndarray, other: np.ndarray) -> Gain:
    """Return the difference of two sides of the same users."""
    base = float(other.mean())
    if base <= 0:
        return Gain(0.0, float("-inf"), float("inf"))
    mean, low, high = interval(worth.users, (one - other)[:, None])
    return Gain(float(mean[0]) / base, float(low[0]) / base, float(high[0]) / base)


def best(worth: Worth, names: list[str]) -> Side | None:
    """Return the best of several models: picked on one half of the users, measured on the other, both ways."""
    return best_of(worth, names, names)


def best_of(worth: Worth, names: list[str], of: list[str]) -> Side | None:
    """Return the best of several models as `best` does, with the values of others: of the k-th name those of `of[k]`."""
    values = dict(zip(names, of, strict=True))
    names = [name for name in names if name in worth.values and values[name] in worth.values]
    if not names or not worth.users.shape[0]:
        return None
    mean = {name: float(worth.values[name].mean()) for name in names}
    first = max(names, key=mean.__getitem__)
    users = np.unique(worth.users)
    half = users[np.random.default_rng(0).permutation(users.shape[0])[: users.shape[0] // 2]]
    inside = np.isin(worth.users, half)
    if len(names) == 1 or not inside.any() or inside.all():
        return Side(values[first], worth.values[values[first]])
    out = np.empty_like(worth.values[first])
    for to, other in ((inside, ~inside), (~inside, inside)):
        picked = max(names, key=lambda name: float(worth.values[name][other].mean()))
        out[to] = worth.values[values[picked]][to]
    return Side(values[first], out)


def _of(worth: Worth, *families: str) -> list[str]:
    return [name for name in worth.values if entry(name).family in families]


def _others(worth: Worth) -> list[str]:
    return _of(worth, *(family for family, _ in STEPS))


def _mrr(values: np.ndarray) -> str:
    return f"{float(values.mean()):.4f}".replace("0.", ".", 1)


def _percent(share: float) -> str:
    text = f"{100 * share:.0f}" if abs(share) >= 0.1 else f"{100 * share:.1f}"
    return text if text.strip("-0.") != "" else "0"


def _against(gain: Gain, other: str) -> str:
    """Return how a side stands to another: above, below, or within chance."""
    if not gain.sure:
        return f"within chance of {other} ({gain})"
    size = Gain(abs(gain.mean), *sorted((abs(gain.low), abs(gain.high))))
    return f"{size} {'above' if gain.mean > 0 else 'below'} {other}"


def _first(worth: Worth) -> str:
    mean = {name: float(values.mean()) for name, values in worth.values.items()}
    order = sorted(mean, key=lambda name: -mean[name])
    top = order[0]
    if MAIN not in mean:
        found = _against(gain(worth, worth.values[top], worth.values[order[1]]), order[1])
        return f"{top} has the largest MRR, {_mrr(worth.values[top])}: {found}, the next."
    other = best(worth, _others(worth))
    if other is None:
        return f"{top} has the largest MRR, {_mrr(worth.values[top])}."
    found = _against(gain(worth, worth.values[MAIN], other.values), f"{other.name}, the best of the others")
    return f"Riverwalk's MRR is {_mrr(worth.values[MAIN])}: {found}."


def _repeats(found: Found) -> str:
    worth = found.whole
    own = best(worth, [name for name in REPEATS if name in worth.values])
    rest = best(worth, [name for name in worth.values if name not in REPEATS])
    if own is None or rest is None or found.repeats <= 0:
        return ""
    share = f"{100 * found.repeats:.0f} % of the judged events repeat an earlier pair"
    ahead = gain(worth, rest.values, own.values)
    if ahead.high <= CLOSE:
        return f"{own.name} is within 1 % of everything: your log is repeats ({share})."
    if ahead.low > CLOSE and found.repeats >= 0.5:
        return f"Repeats do most of the work ({share}); beyond {own.name}, {rest.name} adds {ahead}."
    return ""


def _ladder(worth: Worth) -> list[str]:
    """Return what each step of the ladder bought over all steps before it."""
    said: list[str] = []
    before: list[str] = []
    for family, title in STEPS:
        names = _of(worth, family)
        side, base = best(worth, names), best(worth, before)
        if side is not None and base is not None:
            found = gain(worth, side.values, base.values)
            verb = "bought" if found.sure and found.mean > 0 else "bought nothing"
            said.append(f"{title.capitalize()} {verb}: {side.name} is {_against(found, base.name)}.")
        before += names
    return said


def _few(found: Found) -> str:
    worth = found.few
    graph, plain = best(worth, _of(worth, GRAPH)), best(worth, _of(worth, COUNT, ITEM, FACTOR, WALK))
    if not worth.enough or graph is None or plain is None:
        return ""
    first = f"For users with fewer than five events, the best graph model, {graph.name}, is {_against(gain(worth, graph.values, plain.values), plain.name)}"
    if MAIN not in worth.values:
        return f"{first}."
    return f"{first}; Riverwalk is {_against(gain(worth, worth.values[MAIN], graph.values), graph.name)}."


def _live(worth: Worth) -> str:
    """Return what today's history adds to models whose weights stay."""
    still = [name for name in worth.values if name + LIVE in worth.values]
    live = [name + LIVE for name in still]
    side, same = best(worth, live), best_of(worth, live, still)
    if side is None or same is None:
        return ""
    found = _against(gain(worth, side.values, same.values), "the same weights with the history of training")
    return f"Today's history: {side.name}, the best of its kind, is {found}."


def _today(found: Found) -> str:
    worth = found.whole
    if MAIN not in worth.values or FROZEN not in worth.values:
        return ""
    size = gain(worth, worth.values[MAIN], worth.values[FROZEN])
    if size.sure:
        return f"Learning from today's events: Riverwalk is {_against(size, 'itself with frozen weights')}."
    return f"Learning from today's events is within chance of weights as of the end of training ({size})."


def _learned(found: Found) -> str:
    worth = found.whole
    if MAIN not in worth.values or COUNTED not in worth.values:
        return ""
    size = gain(worth, worth.values[MAIN], worth.values[COUNTED])
    whole, part = found.seconds.get(MAIN, 0.0), found.seconds.get(COUNTED, 0.0)
    saved = 1 - part / whole if whole > 0 else 0.0
    cost = f"{100 * saved:.0f} % of the CPU of a run" if saved > 0.02 else ""
    if size.sure and size.mean > 0:
        return f"The temporal and the collaborative vectors add {size}" + (f" for {cost}." if cost else ".")
    what = "within chance of" if not size.sure else "below"
    advice = f": leave them out and save {cost}" if cost else ""
    return f"With its learned vectors Riverwalk is {what} its counted features ({size}){advice}."


def _trust(worth: Worth) -> str:
    said = []
    for name, without in WITH_TRUST.items():
        if name in worth.values and without in worth.values:
            size = gain(worth, worth.values[name], worth.values[without])
            said.append(f"{name} is {_against(size, 'the same without it')}")
    return f"Trust: {'; '.join(said)}." if said else ""


def _cheapest(found: Found) -> str:
    """Return the quickest model that is within chance of the best one, where that is not the best itself."""
    worth = found.whole
    mean = {name: float(values.mean()) for name, values in worth.values.items()}
    top = max(mean, key=mean.__getitem__)
    quick = [name for name in sorted(found.seconds, key=found.seconds.__getitem__) if name in mean]
    quick = [name for name in quick if found.seconds[name] < 0.5 * found.seconds.get(top, 0.0)]
    if not quick or mean[top] <= 0:
        return ""
    sure = interval(worth.users, np.stack([worth.values[name] - worth.values[top] for name in quick], axis=1))
    for k, name in enumerate(quick):
        size = Gain(*(float(column[k]) / mean[top] for column in sure))
        if not size.sure:
            return (
                f"The quickest within chance of {top} is {name} ({size}), in {found.seconds[name]:.0f} s "
                f"for {found.seconds[top]:.0f} s."
            )
    return ""
