"""How a log is split and what a model has seen when it is asked: the published protocols, and the stream's own.

    tgb            70 / 15 / 15 by quantiles of time; all items compete but the user's other true items of the stamp
    stream         the same parts; all items compete
    chronological  the last 10 % (or 20 %) of events are the test, as many before them validation; only items the
                   user has not had compete, and only events on such items count.  A part begins where a stamp does
    random         80 / 20 at random (MovieLens u1.base / u1.test where they lie); training items do not compete,
                   and figures are means over users, not over events

    new only       of tgb and stream: only items the user has not had compete, and only events on such items count

    online         every earlier event is visible          strict   every event with an earlier stamp is
    lag=N          state as of the start of a batch of N

    frozen         weights learn from the training part alone, the rule of published benchmarks
    online         an event is learned from once it has been judged, which is what the service does

Source: Huang et al., Temporal Graph Benchmark (2023), for tgb; its reference scripts use lag=200.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from deploy.config.schema import BadConfig
from deploy.data.dataset import find
from deploy.evaluate.setting import PROTOCOLS
from deploy.evaluate.split import (
    Split,
    count,
    pair,
    span,
    taken,
)
from stream.error import BadSource
from stream.file.column import ANY, Selection
from stream.file.event import Columns, columns, event_file

USUAL = {"tgb": "online", "stream": "strict", "chronological": "strict", "random": "strict"}
LEARNS = {"tgb": "frozen", "stream": "online", "chronological": "frozen", "random": "frozen"}


def located(data: str, columns: str | None) -> tuple[Path, str]:
    """Return the file of events, and what the data set is called; remarks on it go to stderr.

    Raises:
        BadConfig: There is none.
    """
    found = find(data, columns=columns, online=False)
    if found.path is None:
        raise BadConfig(f"{data}: no file of events; give one, or a folder that holds one")
    try:
        for line in found.remarks:
            print(line, file=sys.stderr)
    except BadSource as exc:
        raise BadConfig(str(exc)) from exc
    return found.path, found.name


def known(option: str, what: str, name: str, names: Iterable[str]) -> str:
    """Return the name if it is one of the names.

    Raises:
        BadConfig: It is not; says which there are, and which is near.
    """
    names = list(names)
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise BadConfig(f"{option} {name}: no such {what}; known: {', '.join(names)}{hint}")


def rule(protocol: str, visible: str | None) -> str:
    """Return the visibility rule to use, the protocol's usual one for None.

    Raises:
        BadConfig: No such protocol or rule.
    """
    known("--protocol", "protocol", protocol, PROTOCOLS)
    visible = visible or USUAL[protocol]
    if visible not in ("online", "strict") and _lag(visible) < 1:
        raise BadConfig(f"--visible {visible}: no such rule; wanted online, strict or lag=N")
    return visible


def _lag(visible: str) -> int:
    kind, _, size = visible.partition("=")
    return int(size) if kind == "lag" and size.isdecimal() else 0


def _groups(t: np.ndarray, part: np.ndarray, visible: str) -> np.ndarray:
    n = t.shape[0]
    if visible == "online":
        return np.arange(n, dtype=np.int64)
    borders = np.r_[0, np.flatnonzero(part[1:] != part[:-1]) + 1, n]
    if visible == "strict":
        return np.union1d(borders[:-1], np.flatnonzero(t[1:] != t[:-1]) + 1).astype(np.int64)
    parts = pairwise(borders.tolist())
    return np.concatenate([np.arange(begin, end, _lag(visible), dtype=np.int64) for begin, end in parts])


def _border(t: np.ndarray, share: float) -> int:
    """Return where the last `share` of events begins, at the start of a stamp: what is simultaneous stays together."""
    return int(np.searchsorted(t, t[int((1 - share) * t.shape[0])]))


def published(path: Path) -> tuple[Path, Path] | None:
    """Return MovieLens' own first split, when `path` is a MovieLens log and the split lies beside it."""
    log = event_file(path)
    if log.name not in ("u.data", "u.data.gz"):
        return None
    ends = [(log.with_name(f"u1.base{end}"), log.with_name(f"u1.test{end}")) for end in (".gz", "")]
    return next(((base, test) for base, test in ends if base.is_file() and test.is_file()), None)


def _random(path: Path, found: Columns, seed: int, share: float) -> tuple[Columns, np.ndarray]:
    """Return the log with all training events first, and its parts."""
    files = published(path)
    if files is not None:
        base, test = (sampled(columns(one), share) for one in files)
        joined = Columns(
            base.user + test.user,
            base.item + test.item,
            *(np.concatenate(both) for both in zip(base[2:], test[2:], strict=True)),
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


def _parts(path: Path, t: np.ndarray, protocol: str, last: float) -> np.ndarray:
    part = np.zeros(t.shape[0], np.int8)
    if protocol == "chronological":
        part[_border(t, 2 * last) :] = 1
        part[_border(t, last) :] = 2
    else:
        train, validation = np.quantile(t, [0.70, 0.85])
        part[t > train] = 1
        part[t > validation] = 2
    if part[0] != 0 or part[-1] != 2:
        raise BadConfig(f"{path}: too many events share a stamp to split by time; try --protocol random")
    return part


class Named(NamedTuple):
    """A log with its parts, and what its users and items are called, in the order of their numbers."""

    log: Split
    users: list[str]
    items: list[str]


def split(path: Path, protocol: str, visible: str | None, **how: Any) -> Split:
    """Read a log and split it; see `read`."""
    return read(path, protocol, visible, **how).log


def read(
    path: Path,
    protocol: str,
    visible: str | None,
    *,
    last: float = 0.1,
    seed: int = 0,
    new_only: bool = False,
    chosen: Selection = ANY,
    share: float = 1.0,
) -> Named:
    """Read a log, split it, and name its users and items.

    Args:
        visible: `online`, `strict` or `lag=N`; None takes the protocol's usual rule.
        last: Share of events in the test part of `chronological`.
        seed: Of a random split that is not published.
        new_only: Rank only what the user has not had; chronological and random do so by themselves.
        chosen: Which columns of the log hold what.
        share: Of the users, with all their events; which ones, a hash of their names decides.

    Raises:
        BadConfig: No such protocol or rule, or a log too small to split.
        BadEvent: A line that is no event.
    """
    visible = rule(protocol, visible)
    found = sampled(columns(path, chosen=chosen), share)
    n = len(found.user)
    if n < 10:
        raise BadConfig(f"{path}: {n} events are too few to split; wanted at least 10")
    random = protocol == "random"
    if random:
        found, part = _random(path, found, seed, share)
    else:
        part = _parts(path, found.t, protocol, last)
    users, user_names = _numbered(found.user)
    items, item_names = _numbered(found.item)
    groups = _groups(found.t, part, visible)
    if random:  # a list is made once a user, so the whole test is one group
        test = int(np.searchsorted(part, 2))
        groups = np.append(groups[groups < test], test)
    log = Split(
        users,
        items,
        found.t,
        found.kind,
        found.value,
        part,
        (part > 0) & taken(found.kind),
        np.unique(found.user, return_inverse=True)[1] if random else users,
        groups,
        exclude_seen=new_only or protocol in ("chronological", "random"),
        same_stamp=protocol == "tgb",
        n_users=len(user_names),
        n_items=len(item_names),
        by_user=random,
    )
    log = log._replace(judged=_new(log)) if log.exclude_seen else log
    return Named(log, user_names, item_names)


def sampled(found: Columns, share: float) -> Columns:
    """Return the events of a share of the users, the same ones whenever a log holds them."""
    if share >= 1:
        return found
    kept = {
        user for user in dict.fromkeys(found.user) if crc32(user.encode("utf-8", "replace")) < share * 2**32
    }
    rows = [i for i, user in enumerate(found.user) if user in kept]
    return Columns(
        [found.user[i] for i in rows], [found.item[i] for i in rows], *(column[rows] for column in found[2:])
    )


def _new(log: Split) -> np.ndarray:
    """Return the judged events on items their user has not had; of a random split, each pair once."""
    key, had = pair(log.users, log.items), taken(log.kind)
    judged = log.judged & (count(span(key, had, log.begins())) == 0)
    if log.by_user:
        judged &= count(span(key, judged, np.arange(key.shape[0]))) == 0
    return judged


def _numbered(names: list[str]) -> tuple[np.ndarray, list[str]]:
    rows: dict[str, int] = {}
    out = np.fromiter((rows.setdefault(name, len(rows)) for name in names), np.int32, len(names))
    return out, list(rows)
