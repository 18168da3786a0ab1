"""The co-watch graph and its walks against slow, obvious references."""

import numpy as np
import pytest

from state.aging import BANDS, ROWS, age, bands
from state.graph import chance
from state.record import SLOTS, START, GraphSettings
from state.update import learn
from state.walk import push, visits
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
        history[user] = [(item, t)] + [entry for entry in past if entry[0] != item]
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


def test_edges_equal_a_dict_with_explicit_decay() -> None:
    log = events(1_500, 40)
    made = world()
    feed(made, log)
    now = log[-1][2]
    wanted, got = reference(log, now), found(made, now)

    assert got.keys() == wanted.keys()
    assert int(made.state.world[0]["edges"]) == len(wanted)
    for key, weight in wanted.items():
        assert got[key] == pytest.approx(weight, rel=1e-3)
    totals = {src: sum(w for (a, _), w in wanted.items() if a == src) for src in {a for a, _ in wanted}}
    for src, total in totals.items():
        edge = made.state.edges[src]
        assert float(edge["total"]) * 0.5 ** ((now - int(edge["t0"])) / float(edge["half"])) == pytest.approx(
            total, rel=1e-3
        )


def test_the_weakest_edge_gives_way() -> None:
    made = world()
    log = [(k, item, k * 100_000 + step * 10) for k in range(1, 79) for step, item in enumerate((79, k))]
    feed(made, [*log[:2], (90, 79, 1), (90, 1, 2), *log[2:]])
    edge = made.state.edges[79]

    assert edge["slots"] == SLOTS
    assert 1 in edge["dst"].tolist()
    assert 2 not in edge["dst"].tolist()
    assert int(made.state.world[0]["evicted"]) == 78 - SLOTS


def aged(made: World, now: int, rows: int = 80) -> int:
    """Let a whole pass go by as of `now`; return how many edges it dropped."""
    row = made.state.world[0]
    before = int(row["edges"])
    row["t"] = now
    age(made.state, made.marks, rows)
    while row["unaged"] > 0:
        age(made.state, made.marks, rows)
    assert before - int(row["edges"]) == before - len(found(made, 0))
    return before - int(row["edges"])


def test_aging_drops_the_same_share_of_old_edges_each_time() -> None:
    made, again, by_row = world(), world(), world()
    for one in (made, again, by_row):
        feed(one, events(1_500, 60))
    before = len(found(made, 0))
    dropped = aged(made, 60 * DAY)

    assert dropped == aged(again, 60 * DAY) == aged(by_row, 60 * DAY, rows=1)
    assert found(made, 0) == found(again, 0) == found(by_row, 0)
    assert dropped == int(made.state.world[0]["aged"])
    assert dropped / before == pytest.approx(0.1, abs=0.03)
    assert aged(made, 61 * DAY) == 0


def test_older_edges_are_dropped_more_often() -> None:
    made = world()
    feed(made, events(1_500, 60))
    before = len(found(made, 0))

    assert aged(made, 120 * DAY) / before == pytest.approx(1 - 0.9**3, abs=0.05)


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"aging_share": 0.5}, 0.5),
        ({"aging_month_days": 15.0}, 1 - 0.9**3),
        ({"aging_every_days": 55.0}, 0.1),
        ({"aging_every_days": 100.0}, 0.0),
        ({"aging_share": 0.0}, 0.0),
    ],
)
def test_schedule_share_and_unit_of_aging_are_settings(settings: dict[str, float], wanted: float) -> None:
    made = world(**settings)
    feed(made, events(1_500, 60))
    before = len(found(made, 0))

    assert aged(made, 60 * DAY) / before == pytest.approx(wanted, abs=0.04)


def test_events_move_a_pass_on_a_few_rows_each() -> None:
    made = world()
    feed(made, events(1_500, 60))
    feed(made, [(1, 1, 60 * DAY)])
    left = int(made.state.world[0]["unaged"])
    feed(made, [(1, 1, 60 * DAY)] * 30)

    assert left == 80 - ROWS
    assert int(made.state.world[0]["unaged"]) == 0


def test_edges_weaker_than_chance_are_hub_noise() -> None:
    made, log = world(hub_lift=0.3, aging_share=0.0), events(1_500, 60)
    pairs = [(50 + k % 20, item, k * 900_000) for k in range(600) for item in (78, 79)]
    feed(made, sorted(log + pairs, key=lambda event: event[2]))
    strong = found(made, 0)
    items, total = made.state.items, made.state.world[0]["tot"][-1]

    def left(t: int) -> float:
        return 0.5 ** ((60 * DAY - t) / DAY / HALF)

    chance_of = {dst: float(items[dst]["pop"][-1]) * left(int(items[dst]["last_t"])) for dst in range(1, 80)}
    whole = float(total) * left(int(made.state.world[0]["tot_t"]))
    totals = {src: sum(w for (a, _), w in strong.items() if a == src) for src in range(80)}
    weak = {
        (src, dst)
        for (src, dst), w in strong.items()
        if src != START and w / totals[src] < 0.3 * chance_of[dst] / whole
    }
    dropped = aged(made, 60 * DAY)

    assert 0 < len(weak) < len(strong) / 2
    assert strong.keys() - found(made, 0).keys() == weak
    assert dropped == int(made.state.world[0]["hub"]) == len(weak)


def test_bands_count_edges_by_the_time_since_they_were_strengthened() -> None:
    made = world()
    feed(made, [(k, item, k * 45 * DAY + item) for k in range(9) for item in (2 * k + 1, 2 * k + 2)])
    counts = np.zeros(len(BANDS), np.int64)
    for begin in range(0, 80, 7):
        bands(made.state, begin, begin + 7, counts)
    ages = [(8 - k) * 45 / 30 for k in range(9)]
    wanted = [
        sum(3 for age in ages if low <= age < high)
        for low, high in zip(BANDS, (*BANDS[1:], 1e9), strict=True)
    ]

    assert counts.tolist() == wanted


def test_chance_is_even() -> None:
    draws = [chance(a, b, 3) for a in range(60) for b in range(60)]

    assert np.mean(draws) == pytest.approx(0.5, abs=0.02)
    assert np.mean(np.array(draws) < 0.1) == pytest.approx(0.1, abs=0.02)


def matrix(made: World) -> np.ndarray:
    out = np.zeros((80, 80))
    for (src, dst), weight in found(made, 0).items():
        out[src, dst] = weight
    total = out.sum(1, keepdims=True)
    return np.divide(out, total, out=np.zeros_like(out), where=total > 0)


def test_push_is_one_step_of_the_chain() -> None:
    made = world()
    feed(made, events(1_500, 40))
    scratch = made.scratch()
    scratch.pick[:2], scratch.weight[:2] = [3, 9], [0.7, 0.3]
    push(made.state, scratch, 2)

    steps = matrix(made)
    assert scratch.acc[:, 0] == pytest.approx(0.7 * steps[3] + 0.3 * steps[9], abs=1e-5)


def test_walk_visits_agree_with_the_chain_of_restarts() -> None:
    made = world()
    feed(made, events(1_500, 20))
    restart, n = 0.4, 200_000
    scratch = made.scratch()
    scratch.pick[:2], scratch.weight[:2] = [3, 9], [0.7, 0.3]
    visits(made.state, scratch, 2, n, 42)
    shares = scratch.acc[:, 1] / scratch.acc[:, 1].sum()

    steps, seeds = matrix(made), np.zeros(80)
    seeds[[3, 9]] = 0.7, 0.3
    at = seeds @ steps
    for _ in range(200):
        at = restart * (seeds @ steps) + (1 - restart) * (at @ steps)
    assert shares == pytest.approx(at, abs=5 * np.sqrt(at.max() / n) + 0.002)


def test_the_same_seed_walks_the_same_way() -> None:
    made = world()
    feed(made, events(800, 40))
    runs = []
    for seed in (5, 5, 6):
        scratch = made.scratch()
        scratch.pick[0], scratch.weight[0] = 3, 1.0
        visits(made.state, scratch, 1, 500, seed)
        runs.append(scratch.acc[:, 1].tolist())

    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
