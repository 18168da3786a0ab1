"""A small co-watch graph, and what it should hold by the plainest means: a dict, a matrix."""

import numpy as np

from state.record import HISTORY, START, GraphSettings
from state.update import learn
from state.world import World

DAY = 86_400_000
HALF = 36.0  # half-life of edges in paces; the pace below is one day


def world(**settings: float) -> World:
    made = World(
        GraphSettings(pace_seconds=86_400.0, edge_half_life=HALF, **settings), max_users=100, max_items=80
    )
    made.state.world[0]["items"] = 80
    return made


def feed(made: World, events: list[tuple[int, int, int]]) -> None:
    users, items, t = (np.array(column) for column in zip(*events, strict=True))
    learn(
        made.state,
        made.marks,
        users.astype(np.int32),
        items.astype(np.int32),
        t.astype(np.int64),
        np.zeros(len(users), np.int8),
    )


def events(n: int, items: int, seed: int = 0) -> list[tuple[int, int, int]]:
    draw = np.random.default_rng(seed)
    return [(int(draw.integers(20)), int(draw.integers(1, items)), k * 900_000) for k in range(n)]


def reference(log: list[tuple[int, int, int]], now: int) -> dict[tuple[int, int], float]:
    """Return edges by explicit decay: a dict, and histories as lists."""
    edges: dict[tuple[int, int], float] = {}
    history: dict[int, list[tuple[int, int]]] = {}
    for user, item, t in log:
        past = history.setdefault(user, [])
        left = 0.5 ** ((now - t) / DAY / HALF)
        if not past:
            edges[START, item] = edges.get((START, item), 0) + left
        elif past[0][0] != item:
            weight = 1.0
            for other, at in past[:8]:
                if t - at > DAY:
                    break
                if other != item:
                    for pair in ((other, item), (item, other)):
                        edges[pair] = edges.get(pair, 0) + weight * left
                weight *= 0.8
        newest = max(t, past[0][1]) if past and past[0][0] == item else t
        history[user] = ([(item, newest)] + [entry for entry in past if entry[0] != item])[:HISTORY]
    return edges


def found(made: World, now: int) -> dict[tuple[int, int], float]:
    out = {}
    for src in range(80):
        edge = made.state.edges[src]
        for k in range(edge["slots"]):
            out[src, int(edge["dst"][k])] = float(edge["w"][k]) * 0.5 ** (
                (now - int(edge["t0"])) / float(edge["half"])
            )
    return out


def matrix(made: World) -> np.ndarray:
    out = np.zeros((80, 80))
    for (src, dst), weight in found(made, 0).items():
        out[src, dst] = weight
    total = out.sum(1, keepdims=True)
    return np.divide(out, total, out=np.zeros_like(out), where=total > 0)
