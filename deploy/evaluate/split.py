"""A log with its parts, and what could be known just before each of its events."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

DISLIKE, IMPRESSION = 3, 6  # event type codes that take no item
COLD = 10  # an item seen fewer times is cold
BANDS = {
    "0": 0,
    "1": 1,
    "2": 2,
    "3-5": 5,
    "6-10": 10,
    "11+": None,
}  # events of a user before one, the most of each


def taken(kind: np.ndarray) -> np.ndarray:
    """Return whether events of these types take their items: no dislike, and not only shown; bool [n]."""
    return (kind != DISLIKE) & (kind != IMPRESSION)


class Span(NamedTuple):
    """For each event, the earlier events that share something with it: `row[low[i]:high[i]]`.

    Shapes:
        - row: int64 [m]; low, high: int64 [n]
    """

    row: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Split(NamedTuple):
    """A log with its parts, as `deploy.evaluate.backtest` and the baselines read it.

    Shapes:
        - users, items: int32 [n], numbered by first appearance; t: int64 [n]; kind: int8 [n]; value: float32 [n]
        - part: int8 [n], 0 train, 1 validation, 2 test; judged: bool [n], events that count
        - owners: int [n], users by numbers that are the same in every split of a file
        - groups: int64 [g], where each visibility group begins
    """

    users: np.ndarray
    items: np.ndarray
    t: np.ndarray
    kind: np.ndarray
    value: np.ndarray
    part: np.ndarray
    judged: np.ndarray
    owners: np.ndarray
    groups: np.ndarray
    exclude_seen: bool  # items the user has had do not compete
    same_stamp: bool  # the user's other true items of the stamp do not compete
    n_users: int
    n_items: int
    by_user: bool = False  # figures are means over users, not over events

    def until(self, part: int) -> Split:
        """Return the log without what comes after a part; users and items of later events still count as known."""
        n = int(np.searchsorted(self.part, part, side="right"))
        columns: dict[str, Any] = {
            name: column[:n] for name, column in zip(self._fields, self[:8], strict=False)
        }
        return self._replace(**columns, groups=self.groups[self.groups < n])

    def begins(self) -> np.ndarray:
        """Return where the visibility group of each event begins, int64 [n]: what stands before it is visible."""
        return np.repeat(self.groups, np.diff(np.append(self.groups, self.users.shape[0])))

    def barred(self) -> list[Span]:
        """Return the events whose items do not compete against each event's own."""
        found = []
        if self.exclude_seen:
            found.append(span(self.users, taken(self.kind), self.begins()))
        if self.same_stamp:
            key = pair(self.users, _number(self.t))
            found.append(span(key, self.judged, np.full(self.users.shape[0], self.users.shape[0])))
        return found

    def kinds(self) -> dict[str, np.ndarray]:
        """Return which events are of each kind, bool [n] by name, by what is visible before the event.

        The first four divide all events: a new user's first, then those on an item nobody has had, then those on
        an item this user has had, then the others.  `cold` are events on items had fewer than ten times, `newcomer`
        those of users who are not in the training part.
        """
        begins, had = self.begins(), taken(self.kind)
        item = count(span(self.items, had, begins))
        new_user = count(span(self.users, had, begins)) == 0
        new_item = ~new_user & (item == 0)
        again = count(span(pair(self.users, self.items), had, begins)) > 0
        return {
            "repeat": ~new_user & ~new_item & again,
            "known_user_new_item": ~new_user & ~new_item & ~again,
            "new_user": new_user,
            "new_item": new_item,
            "cold": item < COLD,
            "newcomer": ~np.isin(self.users, self.users[self.part == 0]),
        }

    def bands(self) -> dict[str, np.ndarray]:
        """Return which events are of users who are not in training, bool [n], by what is visible of them before."""
        newcomer = ~np.isin(self.users, self.users[self.part == 0])
        before = count(span(self.users, taken(self.kind), self.begins()))
        out, low = {}, 0
        for name, high in BANDS.items():
            out[name] = newcomer & (before >= low) & (before <= high if high is not None else True)
            low = high + 1 if high is not None else low
        return out


def span(key: np.ndarray, counts: np.ndarray, begins: np.ndarray) -> Span:
    """Return the events that share an event's key, count, and stand before `begins` of it.

    Shapes:
        - key: int [n]; counts: bool [n]; begins: int64 [n]
    """
    n = key.shape[0]
    place = _number(key) * (n + 1)
    rows = np.flatnonzero(counts)
    at = place[rows] + rows
    order = np.argsort(at, kind="stable")
    return Span(rows[order], np.searchsorted(at[order], place), np.searchsorted(at[order], place + begins))


def count(found: Span) -> np.ndarray:
    """Return how many events each event's span holds, int64 [n]."""
    return found.high - found.low


def pair(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return one number for each pair of numbers from 0, int64 [n]."""
    return left.astype(np.int64) * (int(right.max(initial=0)) + 1) + right


def _number(key: np.ndarray) -> np.ndarray:
    return np.unique(key, return_inverse=True)[1].astype(np.int64)
