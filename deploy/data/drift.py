"""Synthetic event stream with drift: blocks of items become popular for some months and fade again.

A fifth of the items is always in fashion.  Users stay for a third of the time, come in sessions of one block, and
within a block mostly take what is to their own taste.  The same seed gives the same stream.
"""

from __future__ import annotations

import numpy as np

from deploy.data.synthetic import START_MS
from stream.file.event import Columns

DAY_MS = 86_400_000
MONTH = 30  # days
EVENTS = 4  # of a session
THEMES = 5  # tastes within a block
STAY = 1 / 3  # share of the time that a user stays


def columns(n: int, *, users: int, items: int, months: int, seed: int = 0) -> Columns:
    """Return `n` events over so many months, in the order of their times."""
    chance = np.random.default_rng(seed)
    always = items // 5 // THEMES
    wide = (items - items // 5) // months // THEMES
    sessions = -(-n // EVENTS)
    at = np.sort(chance.random(sessions)) * months  # months
    who = np.clip(at / months * (1 - STAY) + STAY * chance.random(sessions), 0, 1)
    user = np.minimum((who * users).astype(np.int64), users - 1)
    fashion = np.exp(-0.5 * (at[:, None] - (np.arange(months) + 0.5)[None]) ** 2)  # [sessions, months]
    fashion /= fashion.sum(1, keepdims=True)
    block = (fashion.cumsum(1) < chance.random(sessions)[:, None]).sum(1).clip(0, months - 1)
    block, user, at = (np.repeat(one, EVENTS)[:n] for one in (block, user, at))
    block[chance.random(n) < 0.25] = months
    own = (user * 2_654_435_761 + block * 40_503) >> 7
    theme = np.where(chance.random(n) < 0.8, own, chance.integers(0, THEMES, n)) % THEMES
    size = np.where(
        block == months, always, wide
    )  # items of a theme; the block after the last is always in fashion
    item = block * THEMES * wide + theme * size + (size * chance.random(n) ** 1.5).astype(np.int64)
    late = np.arange(n) % EVENTS * 60_000 + chance.integers(0, 60_000, n)
    t = START_MS + (at * MONTH * DAY_MS).astype(np.int64) + late
    order = np.argsort(t, kind="stable")
    return Columns(
        [f"u{number}" for number in user[order].tolist()],
        [f"i{number}" for number in item[order].tolist()],
        t[order],
        np.zeros(n, np.int8),
        np.ones(n, np.float32),
    )
