"""The slow collaborative vectors: counted pairs, the closed form, and when they are fitted."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

from state.counter.cooccurrence import busiest, gram
from state.ranking.sample import replay
from state.record.setting import GraphSettings
from stream.generation.generation import Generation, Limits
from stream.learning.refit import Refit
from tgn.inference.collaborative import SCALE, SlowSettings, score
from tgn.inference.layout import TgnSettings
from tgn.training.collaborative import fit


def generation(
    events: int = 0, *, users: int = 30, items: int = 20, slow: SlowSettings | None = None
) -> Generation:
    made = Generation(
        GraphSettings(), TgnSettings(dim=8), Limits(max_users=users, max_items=items + 1), slow=slow
    )
    take(made, events, users, items)
    return made


def take(made: Generation, events: int, users: int = 30, items: int = 20) -> None:
    draw = np.random.default_rng(events)
    made.world.state.world[0]["users"], made.world.state.world[0]["items"] = users, items + 1
    columns = (draw.integers(0, users, events), draw.integers(1, items + 1, events))
    user, item = (column.astype(np.int32) for column in columns)
    replay(made.world, made.world.scratch(), user, item, np.arange(events) * 1_000, np.zeros(events, np.int8))


def model(counts: np.ndarray, ridge: float) -> np.ndarray:
    """The item–item model by its definition: ridge regressions of each item on all others."""
    m = counts.shape[0]
    out = np.zeros((m, m))
    for j in range(m):
        others = [k for k in range(m) if k != j]
        square = counts[np.ix_(others, others)] + ridge * np.eye(m - 1)
        out[others, j] = np.linalg.solve(square, counts[others, j])
    return out


def test_pairs_are_counted_once_a_user() -> None:
    made = generation()
    state = made.world.state
    draw = np.random.default_rng(1)
    user, item = draw.integers(0, 30, 2_000).astype(np.int32), draw.integers(1, 21, 2_000).astype(np.int32)
    replay(made.world, made.world.scratch(), user, item, np.arange(2_000), np.zeros(2_000, np.int8))
    state.world[0]["users"], state.world[0]["items"] = 30, 21
    had: dict[int, set[int]] = {}
    for u, i in zip(user.tolist(), item.tolist(), strict=True):
        had.setdefault(u, set()).add(i)
    wanted = Counter(pair for items in had.values() for pair in product(items, items))
    rows = busiest(state, 100)
    found = gram(state, rows)

    assert rows.tolist() == list(range(1, 21))
    assert all(found[a, b] == wanted[int(rows[a]), int(rows[b])] for a in range(20) for b in range(20))


def test_the_busiest_items_take_part() -> None:
    made = generation()
    state = made.world.state
    item = np.repeat(np.arange(1, 11), np.arange(1, 11)).astype(np.int32)  # item k has k users
    user = np.concatenate([np.arange(k) for k in range(1, 11)]).astype(np.int32)
    replay(made.world, made.world.scratch(), user, item, np.arange(55), np.zeros(55, np.int8))
    state.world[0]["items"] = 11

    assert busiest(state, 4).tolist() == [7, 8, 9, 10]
    assert busiest(state, 50).tolist() == list(range(2, 11))  # one user pairs with nothing


def test_full_rank_gives_the_closed_form_itself() -> None:
    draw = np.random.default_rng(0)
    had = (draw.random((200, 25)) < 0.2).astype(np.float32)
    counts = had.T @ had
    left, right = fit(counts, SlowSettings(rank=25, ridge=10.0))

    assert np.abs(left @ right.T - model(counts, 10.0)).max() < 1e-3


def test_one_request_scores_as_a_batch_does_and_nothing_is_known_of_nobody() -> None:
    draw = np.random.default_rng(0)
    table = draw.normal(size=(50, 17)).astype(np.float32)
    table[:, -1] = draw.random(50) < 0.7
    hist = np.array([[3, 9, 1, -1], [4, -1, -1, -1], [-1, -1, -1, -1]], np.int32)
    cand = draw.integers(1, 50, (3, 12)).astype(np.int32)
    batch, known = score(table, hist, cand, 0.9)

    for n in range(3):
        one, sure = score(table, hist[n : n + 1], cand[n : n + 1], 0.9)
        assert (one[0] == batch[n]).all()
        assert (sure[0] == known[n]).all()
    user = table[3, :8] + 0.9 * table[9, :8] + 0.81 * table[1, :8]
    assert batch[0, 0] == pytest.approx(SCALE * float(user @ table[cand[0, 0], 8:16]), rel=1e-4)
    assert not known[2].any()


def test_a_fit_follows_the_growth_of_the_stream_and_is_the_same_beside_it() -> None:
    settings = SlowSettings(rank=8, first=400, growth=2.0)
    here, beside = (generation(300, slow=settings) for _ in range(2))
    first, second = Refit(here, background=False), Refit(beside, background=True)
    fits = []
    for grown in (0, 150, 300, 60, 100):
        take(here, grown)
        take(beside, grown)
        first.step()
        second.step()
        if second.waiting is not None:
            second.waiting.exception(timeout=30)
            second.step()
            assert second.rest > 0
            second.rest = 0.0
        fits.append(float(first.table[0, 0]))

    assert fits == [0, 450, 450, 450, 910]
    assert (first.table == second.table).all()
    assert first.table[1:21, -1].all()
    assert first.dirty().tolist() == list(range(21))
    assert first.dirty().shape == (0,)
