"""EXPLAIN: why an item stands where it stands for a user, or is not shown, as names and values.

    user, item, title, user_known, user_events, item_events
    shown         `yes, in place 3`, or `no: ` and why not
    because       the same with the reason and what lies behind it, in words for a person
    reason        as in answers
    sources       which sources of candidates hold the item, with its place in each
    ranker, candidates, rank, score, blend, learned
                  rank is among the candidates; an item that is none is scored beside them
    shares, share_own_history, share_co_watch, …
                  what each group of inputs does to the score: the score less the score without them, in percent of all
                  such differences, and as it is; without a group is with its mean over the candidates
    seed_1, …     up to three items from which walks reach this one, most first:
                  _share of the walks' weight, _events of the user on it, _last (ms) and _ago, _edge: the co-watch weight
                  as of now (an event counts 1) and _edge_last, when it was last reinforced (ms); of a hidden one
                  neither id nor title, but (hidden) and `another item`
    own, own_age, push, …
                  the features that are not 0

Nothing is written.  A user who is not known is a newcomer.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from state.ranking.attribution import (
    SOURCES,
    last_kind,
    parts,
    shares,
    source_ranks,
)
from state.ranking.column import BLEND, FEATURES, NAMES, OWN_HAD, of
from state.record.layout import BOARD, START
from state.record.profile import OPENED
from stream.answer.reason import ANOTHER, ago, did
from stream.answer.recommender import Recommender
from stream.answer.retrieval import Retrieval
from stream.catalogue.syntax import Filter
from stream.generation.metadata import HIDDEN
from stream.generation.status import RANKERS
from tgn.inference.ranker import EACH, SCORES, row_inputs

SEEDS: Final = 3
GROUPS: Final = (
    "own_history",
    "co_watch",
    "popularity",
    "temporal_memory",
    "slow_vectors",
    "content",
    "item_age",
)
WORDS: Final = {group: group.replace("co_", "co-").replace("_", " ") for group in GROUPS}
COLUMNS: Final = {
    "own_history": of("own", "user"),
    "co_watch": of("graph"),
    "popularity": of("popularity"),
    "temporal_memory": list(range(FEATURES, FEATURES + EACH)),
    "slow_vectors": list(range(FEATURES + EACH, FEATURES + SCORES)),
    "content": [],
    "item_age": of("age"),
}
BLENDED = {
    "own_history": np.array([True, True, False, False]),
    "popularity": np.array([False, False, True, False]),
    "co_watch": np.array([False, False, False, True]),
}
"""Which parts of the blend a group of inputs makes: own, new, popular, walked."""
Behind = tuple[int, dict[str, str]]  # an item that led to another, by row, and what is known of it by name


def explained(recommender: Recommender, user: str, row: int, filter: Filter | None) -> dict[str, str]:
    """Explain item `row` to a user; what a filter refuses is not shown."""
    if filter is not None:
        recommender.items.catalogue.check(filter)
    u = recommender.generation.users.row.get(user, -1)
    with recommender.retrieval(u) as room:
        return _explained(room, user, row, filter, recommender.candidates)


def _explained(
    room: Retrieval, user: str, row: int, filter: Filter | None, candidates: int
) -> dict[str, str]:
    state, u = room.state, room.user
    n, at, score, own = _placed(room, row, candidates)
    seen, among = own, at < n  # the seen rules keep it out
    rank = int((score[:n] > score[at]).sum()) + 1
    title, reason = room.items.title(row), room.reasons(np.array([row], np.int32))[0]
    against = _against(room, row, filter, user if seen else "")
    if not among:
        against = against or [f"it is not among the {n} candidates"]
    behind = _behind(room, row)
    where = f"in place {rank} of {n}, {reason}" if not against else "not shown: " + "; ".join(against)
    fields = {
        "user": user,
        "item": room.items.name(row),
        "title": title,
        "user_known": "yes" if u >= 0 else "no: the start node stands in",
        "user_events": str(int(state.users[u]["n"]) if u >= 0 else 0),
        "item_events": str(int(state.items[row]["n"])),
        "shown": "no: " + "; ".join(against) if against else f"yes, in place {rank}",
        "because": f"{title} is {where}.{_history(room, row, behind)}",
        "reason": reason,
        "sources": _sources(room, own, row),
        "ranker": RANKERS[int(room.generation.quality["serving"])],
        "candidates": str(n),
        "rank": str(rank) if among else f"not among the {n} candidates",
    }
    return fields | _figures(room, n, at, float(score[at]), behind) if state.items[row]["n"] else fields


def _figures(room: Retrieval, n: int, at: int, score: float, behind: list[Behind]) -> dict[str, str]:
    """Return the score of the candidate in place `at`, its parts, the seeds behind it and its features."""
    x = room.x[at].copy()
    fields = {
        "score": f"{score:.4f}",
        "blend": f"{x[BLEND] * 4:.4f}",
        "learned": f"{score - x[BLEND] * 4:.4f}",
    } | _shares(room, n, at, score)
    for k, (_, seed) in enumerate(behind[:SEEDS]):
        fields |= {f"seed_{k + 1}{name}": value for name, value in seed.items()}
    return fields | {name: f"{x[k]:.4f}" for k, name in enumerate(NAMES) if k != BLEND and x[k]}


def _placed(room: Retrieval, row: int, candidates: int) -> tuple[int, int, np.ndarray, bool]:
    """Return how many candidates there are, the place of item `row`, the scores, whether items had may be candidates.

    Where it is none it is put beside them, in place n.  Items that the user has had are candidates only where this
    is one.
    """
    for own in (False, True):
        n = room.find(own, candidates)
        place = np.flatnonzero(room.cand[:n] == row)
        at = int(place[0]) if place.shape[0] else n
        if at == n:
            room.bring(np.append(room.cand[:n], np.int32(row)))
        if own or at < n or not room.x[at, OWN_HAD]:
            break
    return n, at, room.score(max(n, at + 1)), own


def _against(room: Retrieval, row: int, filter: Filter | None, seen_by: str) -> list[str]:
    """Return why an item is not shown, whatever its score."""
    catalogue, out = room.items.catalogue, []
    if not room.state.items[row]["n"]:
        out.append("no event has named it yet")
    if room.generation.metadata.known.array[row] >= HIDDEN:
        absent = catalogue.value(row, "available") is False and not catalogue.value(row, "hidden")
        out.append("it is not available" if absent else "it is hidden")
    if filter is not None and catalogue.mask(filter, room.t, row + 1)[row]:
        out.append("the filter refuses it")
    if seen_by:
        out.append(f"{seen_by} has had it (INCLUDESEEN shows it)")
    return out


def _sources(room: Retrieval, own: bool, row: int) -> str:
    place = np.zeros(len(SOURCES), np.int32)
    source_ranks(room.state, room.scratch, room.user, room.t, own, row, place)
    return ", ".join(f"{name} {k}" for name, k in zip(SOURCES, place.tolist(), strict=True) if k) or "none"


def _shares(room: Retrieval, n: int, at: int, score: float) -> dict[str, str]:
    """Return what each group of inputs does to the score of the candidate in place `at`."""
    size = max(n, at + 1)
    x, cand = room.x, room.cand[:size].copy()
    blends = np.zeros((size, 4))
    parts(room.state, room.user, room.t, cand, x[:size], blends)
    mean, middle = x[:size].mean(axis=0), blends.mean(axis=0)
    for k, group in enumerate(GROUPS):
        one = x[size + k]
        one[:] = x[at]
        if group == "content":
            one[FEATURES : FEATURES + EACH] = _without_content(room, cand)[at]
            continue
        one[COLUMNS[group]] = mean[COLUMNS[group]]
        if group in BLENDED:
            own, new, popular, walked = np.where(BLENDED[group], middle, blends[at])
            one[BLEND] = np.log(own + new * (popular + walked) + 1e-7) / 4
    judged = room.judge(size + len(GROUPS))[size:].astype(np.float64)
    differences = np.nan_to_num(score - judged, posinf=0.0, neginf=0.0)  # rows change while they are read
    whole = max(float(np.abs(differences).sum()), 1e-9)
    order = np.argsort(-np.abs(differences), kind="stable").tolist()
    told = [(WORDS[GROUPS[k]], round(100 * float(differences[k]) / whole)) for k in order]
    words = ", ".join(f"{group} {percent:+d} %" for group, percent in told if percent)
    return {"shares": words or "nothing sets it apart"} | {
        f"share_{group}": f"{differences[k]:+.4f}" for k, group in enumerate(GROUPS)
    }


def _without_content(room: Retrieval, cand: np.ndarray) -> np.ndarray:
    """Return the inputs of the temporal score without the explicit features of the candidates, float32 [n, 3]."""
    k = room.generation.tgn.history
    if not room.generation.tgn.columns:
        return room.x[: cand.shape[0], FEATURES : FEATURES + EACH]
    score, known = room.encoder.score_known(room.hist[:k], room.age[:k], room.user, cand, content=False)
    out = np.zeros((score.shape[0], EACH), np.float32)
    row_inputs(score, known, out)
    return out


def _behind(room: Retrieval, row: int) -> list[Behind]:
    """Return the items from which walks reach item `row`, most first, and what is known of each."""
    state, u, t = room.state, room.user, room.t
    pick, share = np.zeros(BOARD, np.int32), np.zeros(BOARD)
    n = int(shares(state, room.scratch, u, row, pick, share))
    user, out = state.profile[OPENED], []  # the whole history, as `shares` has just read it
    for k in np.argsort(-share[:n], kind="stable").tolist():
        if share[k] <= 0:
            break
        seed = int(pick[k])
        title = room.title(seed)
        found = {"": room.items.name(seed) if title else "(hidden)", "_share": f"{share[k]:.4f}"}
        found["_title"] = "what newcomers take" if seed == START else title or ANOTHER
        slots = int(user["slots"]) if u >= 0 and seed != START else 0
        mine = np.flatnonzero(user["item"][:slots] == seed)
        if mine.shape[0]:
            last = int(user["t"][mine[0]])
            found |= {
                "_did": did(int(last_kind(state, u, seed))),
                "_events": str(int(user["count"][mine[0]])),
            }
            found |= {"_last": str(last), "_ago": ago(t - last)}
        edge = state.edges[seed]
        place = np.flatnonzero(edge["dst"][: edge["slots"]] == row)
        if place.shape[0]:
            weight = float(edge["w"][place[0]]) * 2.0 ** -min(
                (t - edge["t0"]) / max(edge["half"], 1.0), 1_000.0
            )
            found |= {"_edge": f"{weight:.4f}", "_edge_last": str(int(edge["at"][place[0]]) * 1_000)}
        out.append((seed, found))
    return out


def _history(room: Retrieval, row: int, behind: list[Behind]) -> str:
    """Return in words, with a space before them, the events behind the seed of the reason, or else the first seed."""
    known = [(seed, found) for seed, found in behind if "_events" in found]
    if not known:
        return ""
    led = int(room.causes(np.array([row], np.int32))[0, 1])
    first = next((found for seed, found in known if seed == led), known[0][1])
    times = int(first["_events"])
    told = (
        f" {first['_title']}: {times} event{'s' if times > 1 else ''} of this user, the last {first['_ago']}"
    )
    if "_edge_last" in first:
        told += f"; both were last taken together {ago(room.t - int(first['_edge_last']))}"
    return told + f"; {100 * float(first['_share']):.0f} % of the walks' weight."
