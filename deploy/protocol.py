"""How a log is split and what a model has seen when it is asked: the published protocols.

    tgb            70 / 15 / 15 by quantiles of time; all items compete but the user's other true items of the stamp
    chronological  the last 10 % (or 20 %) of events are the test, as many before them validation; only items the
                   user has not had compete, and only events on such items count
    random         80 / 20 at random (MovieLens u1.base / u1.test where they lie); training items do not compete

    online         every earlier event is visible          strict   every event with an earlier stamp is
    lag=N          state as of the start of a batch of N

Source: Huang et al., Temporal Graph Benchmark (2023), for tgb; its reference scripts use lag=200.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from deploy.config import BadConfig
from stream.replay import Columns, columns

PROTOCOLS = ("tgb", "chronological", "random")
USUAL = {"tgb": "online", "chronological": "strict", "random": "strict"}
IMPRESSION = 6


class Split(NamedTuple):
    """A log with its parts, as `stream.backtest` and the baselines read it.

    Shapes:
        - users, items: int32 [n], numbered by first appearance; t: int64 [n]; kind: int8 [n]; value: float32 [n]
        - part: int8 [n], 0 train, 1 validation, 2 test; judged: bool [n], events that count
        - groups: int64 [g], where each visibility group begins
    """

    users: np.ndarray
    items: np.ndarray
    t: np.ndarray
    kind: np.ndarray
    value: np.ndarray
    part: np.ndarray
    judged: np.ndarray
    groups: np.ndarray
    exclude_seen: bool
    same_stamp: bool
    n_users: int
    n_items: int


def _numbered(names: list[str]) -> tuple[np.ndarray, int]:
    rows: dict[str, int] = {}
    out = np.fromiter((rows.setdefault(name, len(rows)) for name in names), np.int32, len(names))
    return out, len(rows)


def _groups(t: np.ndarray, part: np.ndarray, visible: str) -> np.ndarray:
    n = t.shape[0]
    if visible == "online":
        return np.arange(n, dtype=np.int64)
    if visible == "strict":
        return np.flatnonzero(np.r_[True, (t[1:] != t[:-1]) | (part[1:] != part[:-1])]).astype(np.int64)
    kind, _, size = visible.partition("=")
    if kind == "lag" and size.isdigit() and int(size) > 0:
        begins = []
        for number in np.unique(part):
            rows = np.flatnonzero(part == number)
            begins.append(np.arange(int(rows[0]), int(rows[-1]) + 1, int(size)))
        return np.concatenate(begins).astype(np.int64)
    raise BadConfig(f"--visible {visible}: no such rule; wanted online, strict or lag=N")


def _new_pairs(users: np.ndarray, items: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return which events are on items their user had not had at an earlier stamp."""
    first: dict[tuple[int, int], int] = {}
    pairs = zip(users.tolist(), items.tolist(), t.tolist(), strict=True)
    return np.fromiter((first.setdefault((u, i), at) == at for u, i, at in pairs), bool, users.shape[0])


def _random(path: Path, found: Columns, seed: int) -> tuple[Columns, np.ndarray]:
    """Return the log with all training events first, and its parts."""
    folder = path if path.is_dir() else path.parent
    if (folder / "u1.base.gz").exists() and (folder / "u1.test.gz").exists():
        base, test = columns(folder / "u1.base.gz"), columns(folder / "u1.test.gz")
        joined = Columns(
            base.user + test.user,
            base.item + test.item,
            *(np.concatenate(pair) for pair in zip(base[2:], test[2:], strict=True)),
        )
        return joined, np.repeat(np.array([0, 2], np.int8), [len(base.user), len(test.user)])
    n = len(found.user)
    order = np.random.default_rng(seed).permutation(n)
    train = np.sort(order[: int(0.8 * n)])
    rows = np.concatenate([train, np.sort(order[int(0.8 * n) :])])
    part = np.zeros(n, np.int8)
    part[train.shape[0] :] = 2
    names = ([found.user[i] for i in rows], [found.item[i] for i in rows])
    return Columns(*names, *(column[rows] for column in found[2:])), part


def split(path: Path, protocol: str, visible: str | None, *, last: float = 0.1, seed: int = 0) -> Split:
    """Read a log and split it.

    Args:
        last: Share of events in the test part of `chronological`.
        visible: `online`, `strict` or `lag=N`; None takes the protocol's usual rule.

    Raises:
        BadConfig: No such protocol or rule, or a log too small to split.
        BadEvent: A line that is no event.
    """
    if protocol not in PROTOCOLS:
        raise BadConfig(f"--protocol {protocol}: no such protocol; wanted {', '.join(PROTOCOLS)}")
    found = columns(path)
    n = len(found.user)
    if n < 10:
        raise BadConfig(f"{path}: {n} events are too few to split; wanted at least 10")
    t = found.t
    if protocol == "tgb":
        train, validation = np.quantile(t, [0.70, 0.85])
        part = np.where(t <= train, 0, np.where(t <= validation, 1, 2)).astype(np.int8)
    elif protocol == "chronological":
        part = np.zeros(n, np.int8)
        part[int((1 - 2 * last) * n) :] = 1
        part[int((1 - last) * n) :] = 2
    else:
        found, part = _random(path, found, seed)
        t = found.t
    users, n_users = _numbered(found.user)
    items, n_items = _numbered(found.item)
    groups = _groups(t, part, visible or USUAL[protocol])
    if protocol == "random":
        groups = np.append(groups[groups < np.flatnonzero(part == 2)[0]], np.flatnonzero(part == 2)[0])
    exclude = protocol != "tgb"
    judged = (part > 0) & (found.kind != IMPRESSION)
    if exclude:
        judged &= _new_pairs(users, items, t)
    return Split(
        users,
        items,
        t,
        found.kind,
        found.value,
        part,
        judged,
        groups,
        exclude,
        protocol == "tgb",
        n_users,
        n_items,
    )
