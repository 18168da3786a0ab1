"""How much the items of a list differ, how new they are, and how much of the catalogue lists reach.

    similarity       of two items of a list: users who had both over users who had either (Jaccard), as of the end of
                     the part; the mean over pairs, then over lists
    entropy          of the categories of a list, in bits; an item of several categories counts a share in each
    coverage         share of the items that had an event before the last list that stand in any list
    age_days         days from an item's first event to the list: the median and the mean over all items listed
    popularity_rank  place of an item by its events before the list, 1 the most; the mean over all items listed

Source: Ziegler et al., Improving Recommendation Lists Through Topic Diversification (WWW 2005), section 3, for
intra-list similarity; the similarity of items there is one of content.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from deploy.evaluate.split import Split, taken
from stream.file.feature import categories as known_categories

DAY_MS = 86_400_000
GENRES = 5  # the first column of a genre in u.item, after number, title, two dates and an address


def categories(path: Path, names: list[str], columns: str = "") -> np.ndarray | None:
    """Return the share of each category in each item, float64 [items, categories]; None where unknown.

    Args:
        path: The log; a MovieLens `u.item` beside it has genres.
        names: Of the items, in the order of their numbers.
        columns: A file of explicit features, whose field category, categories, genre or genres has it.
    """
    found = known_categories(Path(columns)) if columns else {}
    found = found if any(found.values()) else _genres(path.parent / "u.item")
    kinds = {kind: k for k, kind in enumerate(sorted({kind for own in found.values() for kind in own}))}
    if not kinds:
        return None
    out = np.zeros((len(names), len(kinds)))
    for row, name in zip(out, names, strict=True):
        own = found.get(name, [])
        row[[kinds[kind] for kind in own]] = 1 / max(1, len(own))
    return out


def _genres(file: Path) -> dict[str, list[str]]:
    if not file.is_file():
        return {}
    with file.open(encoding="latin-1", newline="") as lines:
        return {
            line[0]: [str(k) for k, flag in enumerate(line[GENRES:]) if flag == "1"]
            for line in csv.reader(lines, delimiter="|", quoting=csv.QUOTE_NONE)
            if line
        }


def figures(
    lists: np.ndarray, asked: np.ndarray, log: Split, part: int, shares: np.ndarray | None
) -> dict[str, Any]:
    """Return the measures of the lists of one part, None where nothing defines one.

    Shapes:
        - lists: int32 [m, K], -1 where a list is shorter; asked: int64 [m], the events they were drawn for
        - shares: float64 [items, categories]
    """
    of = log.part[asked] == part
    lists, asked = lists[of], asked[of]
    had = taken(log.kind)
    first = np.full(log.n_items, np.iinfo(np.int64).max)
    np.minimum.at(first, log.items[had], log.t[had])
    count, seen = np.zeros(log.n_items, np.int64), 0
    begins = log.begins()[asked]
    alike = _Alike(log, lists, had & (log.part <= part))
    similar, entropy, ages, places = [], [], [], []
    for items, i, begin in zip(lists, asked.tolist(), begins.tolist(), strict=True):
        count += np.bincount(log.items[seen:begin][had[seen:begin]], minlength=log.n_items)
        seen = begin
        row = items[items >= 0]
        if row.shape[0] > 1:
            similar.append(alike.mean(row))
        if shares is not None and shares[row].any():
            share = shares[row].sum(0)
            share = share[share > 0] / share.sum()
            entropy.append(float(-(share * np.log2(share)).sum()))
        order = np.sort(count)
        ages.append((log.t[i] - first[row]) / DAY_MS)
        places.append(1 + log.n_items - np.searchsorted(order, count[row], side="right"))
    listed = np.unique(lists[lists >= 0]).shape[0]
    age, place = (np.concatenate(one) if one else np.zeros(0) for one in (ages, places))
    return {
        "lists": lists.shape[0],
        "similarity": _mean(similar),
        "entropy": _mean(entropy),
        "coverage": round(listed / max(1, int((count > 0).sum())), 5),
        "age_days": {"median": round(float(np.median(age)), 2) if age.shape[0] else None, "mean": _mean(age)},
        "popularity_rank": _mean(place),
    }


def _mean(values: Any) -> float | None:
    return round(float(np.mean(values)), 5) if len(values) else None


class _Alike:
    """Similarity of listed items: the users of each as bits."""

    def __init__(self, log: Split, lists: np.ndarray, counts: np.ndarray) -> None:
        self.rows = np.unique(lists[lists >= 0])
        chosen = counts & np.isin(log.items, self.rows)
        place, users = np.searchsorted(self.rows, log.items[chosen]), log.users[chosen]
        self.bits = np.zeros((self.rows.shape[0], log.n_users // 8 + 1), np.uint8)
        np.bitwise_or.at(self.bits, (place, users >> 3), np.uint8(1) << (users & 7).astype(np.uint8))

    def mean(self, row: np.ndarray) -> float:
        """Return the mean over all pairs of items, int [k], k at least 2."""
        bits = self.bits[np.searchsorted(self.rows, row)]
        both = np.bitwise_count(bits[:, None] & bits[None]).sum(2, dtype=np.int64)
        own = np.diag(both)
        jaccard = both / np.maximum(1, own[:, None] + own[None] - both)
        return float(jaccard[np.triu_indices(row.shape[0], 1)].mean())
