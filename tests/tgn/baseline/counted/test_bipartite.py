"""Cosine and RP3beta over a graph of pairs, held to matrices of item pairs written out."""

import numpy as np
import pytest

from tgn.baseline.counted.bipartite import Bipartite
from tgn.baseline.counted.cosine import Cosine
from tgn.baseline.counted.rp3beta import Rp3Beta

ITEMS, USERS = 9, 40


def taken(seed: int = 0) -> np.ndarray:
    """Who takes what, bool [users, items]; everybody takes something and every item has somebody."""
    x = np.random.default_rng(seed).random((USERS, ITEMS)) < 0.3
    x[np.arange(USERS), np.arange(USERS) % ITEMS] = True
    return x


def played(model: Cosine | Rp3Beta, x: np.ndarray) -> Cosine | Rp3Beta:
    for user, items in enumerate(x):
        for item in np.flatnonzero(items).tolist():
            model.learn(user, item, 0)
    return model


def test_cosine_sums_the_cosines_of_the_columns_of_who_took_what() -> None:
    x = taken()
    model = played(Cosine(ITEMS), x)
    length = np.linalg.norm(x, axis=0)
    cosine = x.T.astype(float) @ x / np.outer(length, length)
    for user in range(USERS):
        np.testing.assert_allclose(model.score(user, 0), x[user] @ cosine, atol=1e-6)


@pytest.mark.parametrize("beta", [0.0, 0.6, 1.0])
def test_rp3beta_is_three_random_steps_over_the_degree_to_the_power_beta(beta: float) -> None:
    x = taken(1)
    model = played(Rp3Beta(ITEMS, beta=beta), x)
    to_item, to_user = x / x.sum(axis=1, keepdims=True), (x / x.sum(axis=0)).T
    expected = to_item @ to_user @ to_item / x.sum(axis=0) ** beta
    for user in range(USERS):
        np.testing.assert_allclose(model.score(user, 0), expected[user], atol=1e-6)


@pytest.mark.parametrize("make", [Cosine, Rp3Beta])
def test_an_item_taken_longer_ago_counts_less(make: type[Cosine] | type[Rp3Beta]) -> None:
    model = make(6, decay=0.5)
    for user, items in enumerate([[0, 1], [0, 1], [2, 3], [2, 3], [0, 2]]):
        for item in items:
            model.learn(user, item, 0)

    score = model.score(4, 0)
    assert score[3] > score[1] > score[4] == score[5]
    model.learn(4, 0, 0)  # again, so now it is the last
    score = model.score(4, 0)
    assert score[1] > score[3]


@pytest.mark.parametrize("make", [Cosine, Rp3Beta])
def test_the_oldest_pairs_give_way_where_there_are_too_many(make: type[Cosine] | type[Rp3Beta]) -> None:
    full, fresh = make(ITEMS, most=20), make(ITEMS)
    rng = np.random.default_rng(2)
    for pair in rng.permutation(USERS * ITEMS)[:100].tolist():
        full.learn(pair // ITEMS, pair % ITEMS, 0)
    users, items = (one.tolist() for one in full.graph.pairs())
    for user, item in zip(users, items, strict=True):
        fresh.learn(user, item, 0)
    fresh.count, fresh.events = full.count, full.events

    assert len(users) == 20
    assert sum(map(len, full.graph.had.values())) == 20
    for user in range(USERS):
        np.testing.assert_allclose(full.score(user, 0), fresh.score(user, 0), atol=1e-12)


def test_a_pair_takes_eight_bytes_however_many_items_there_are() -> None:
    graph = Bipartite(50_000, 1_000_000)
    for k in range(5_000):
        graph.add(k % 700, k)

    assert graph.users.nbytes + graph.items.nbytes <= 2 * 5_000 * 8 + 4_096
