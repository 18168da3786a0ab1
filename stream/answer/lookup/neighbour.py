"""The neighbourhood of an item on the co-watch graph, as of now."""

from __future__ import annotations

from typing import Any

import numpy as np

from state.record.layout import SLOTS, START
from stream.answer.item import Items
from stream.answer.lookup.request import Edge, Link, Neighbourhood
from stream.answer.recommender import Recommender
from tgn.inference.collaborative import likeness


def neighbourhood(recommender: Recommender, row: int, n: int) -> Neighbourhood:
    """Return the `n` strongest edges of item `row`, at most 64, and those among the items they lead to."""
    state, items = recommender.state, recommender.items
    t = int(state.world[0]["t"])
    record = state.edges[row].copy()
    to, weight, at = _edges(record, t, items)
    best = np.argsort(-weight, kind="stable")[:n]
    to, weight, at = to[best], weight[best], at[best]
    total = float(record["total"]) * _left(record, t)
    table = recommender.generation.learned["slow"].array
    alike = likeness(table, row, to.astype(np.int32)).tolist() if table[row, -1] > 0 else [None] * len(best)
    names = items.names(to.tolist())
    edges = [
        Edge(
            item=name,
            title=items.told_title(dst),
            weight=w,
            share=min(1.0, w / total) if total > 0 else 0.0,
            last_ms=last,
            age_ms=max(0, t - last),
            all_time=like,
        )
        for name, dst, w, last, like in zip(
            names, to.tolist(), weight.tolist(), at.tolist(), alike, strict=True
        )
        if name
    ]
    item = state.items[row]
    return Neighbourhood(
        item=items.name(row),
        title=items.told_title(row),
        events=int(item["n"]),
        users=int(item["users"]),
        last_ms=int(item["last_t"]),
        edges=edges,
        links=_links(recommender, to, names, t),
    )


def _left(record: Any, t: int) -> float:
    """Return what is left now of a row's inflated weights."""
    return float(2.0 ** -min((t - float(record["t0"])) / max(float(record["half"]), 1.0), 1_000.0))


def _edges(record: Any, t: int, items: Items) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where a row's edges lead, their weights now, and the ms they were last strengthened; hidden items are left out."""
    n = min(int(record["slots"]), SLOTS)
    to = record["dst"][:n].astype(np.int64)
    weight = record["w"][:n].astype(float) * _left(record, t)
    kept = (to > START) & (weight > 0)
    kept &= items.hidden[np.where(kept, to, START)] == 0
    return to[kept], weight[kept], record["at"][:n].astype(np.int64)[kept] * 1_000


def _links(recommender: Recommender, rows: np.ndarray, names: list[str], t: int) -> list[Link]:
    """Return the edges among some items; of two between the same items, the stronger."""
    named = {row: name for row, name in zip(rows.tolist(), names, strict=True) if name}
    found: dict[tuple[int, int], Link] = {}
    for row, name in named.items():
        to, weight, at = _edges(recommender.state.edges[row].copy(), t, recommender.items)
        among = np.isin(to, rows)
        for dst, w, last in zip(to[among].tolist(), weight[among].tolist(), at[among].tolist(), strict=True):
            pair = (min(row, dst), max(row, dst))
            if dst in named and dst != row and (pair not in found or found[pair].weight < w):
                found[pair] = Link(name, named[dst], w, max(0, t - last))
    return sorted(found.values(), key=lambda one: -one.weight)
