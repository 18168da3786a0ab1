"""A GCN over several kinds of nodes: kinds of items and users, weekdays, seasons."""

import msgspec
import numpy as np
import torch

from tests.fixture.block import EMPTY, GROUPS, blocks, own, within, without
from tgn.baseline.contract import Training
from tgn.baseline.fitting.trainer import Schedule
from tgn.baseline.graph.context import DAY_MS, weekday
from tgn.baseline.graph.hetero_gcn import HeteroGcn, HeteroGcnNetwork, HeteroGcnSettings

SMALL = HeteroGcnSettings(dim=16, batch=128, schedule=Schedule(lr=0.03, epochs=15, held=0.0))


def kinds(training: Training) -> Training:
    """The log with the group of each item as its category, but for item 0, and a publisher of all."""
    category = (np.arange(training.n_items) % GROUPS).astype(np.int32)
    category[0] = -1
    return training._replace(
        item_kinds={"category": category, "publisher": np.zeros(training.n_items, np.int32)},
        held_users=EMPTY,
        held_items=EMPTY,
    )


def test_users_are_shown_items_of_their_group() -> None:
    model = HeteroGcn(SMALL).fit(kinds(blocks()), 0, lambda _: None, within()).frozen()

    assert np.mean([own(model.score(user, 0), user % GROUPS) for user in range(60)]) > 0.8


def test_an_item_nobody_took_is_scored_by_its_category() -> None:
    settings = msgspec.structs.replace(
        SMALL, hidden=0.3, l2=1e-3, schedule=Schedule(lr=0.03, epochs=40, held=0.0)
    )
    found = HeteroGcn(settings).fit(kinds(without(blocks(), [], [7])), 0, lambda _: None, within())
    model = found.frozen()
    place = np.array([np.flatnonzero(np.argsort(-model.score(user, 0)) == 7)[0] for user in range(60)])

    assert found.cold_items == "features"
    assert place[3::4].mean() < np.delete(place, np.s_[3::4]).mean() - 10


def test_relations_are_means_over_neighbours_of_a_kind() -> None:
    network = HeteroGcnNetwork(kinds(blocks()), SMALL)
    found = {one: weights.matrix.to_dense().numpy() for one, weights in network.relations.items()}
    category = found["item", "is", "item_kind0"]

    assert set(network.embedding) == {"user", "item", "item_kind0", "item_kind1", "weekday", "season"}
    assert found["user", "took", "item"].shape == (60, 60)
    np.testing.assert_allclose(category[1, 1::4], 1 / 15)
    np.testing.assert_allclose(category[0, 4::4], 1 / 14)  # of item 0 nothing is known
    for one in found.values():
        total = one.sum(1)
        np.testing.assert_allclose(total[total > 0], 1, atol=1e-5)


def test_items_of_the_weekend_are_shown_on_weekends() -> None:
    """Everybody takes an item below 30 on weekdays and one of the others on weekends."""
    rng = np.random.default_rng(0)
    n = 1_500
    t = DAY_MS * (20_000 + np.sort(rng.integers(0, 140, n))) + 3_600_000
    users, items = rng.integers(0, 60, n), rng.integers(0, 30, n) + 30 * (weekday(t) >= 5)
    training = Training(
        users.astype(np.int32),
        items.astype(np.int32),
        t,
        np.ones(n, np.float32),
        60,
        60,
        EMPTY,
        EMPTY,
        EMPTY,
        EMPTY,
    )
    model = HeteroGcn(SMALL).fit(training, 0, lambda _: None, within()).frozen()
    saturday = DAY_MS * 20_001
    assert weekday(np.array([saturday]))[0] == 5

    share = [
        float(np.mean(np.argsort(-model.score(3, saturday + DAY_MS * day))[:20] >= 30)) for day in range(7)
    ]
    assert min(share[:2]) > max(share[2:]) + 0.3


def test_a_log_of_a_few_days_has_no_contexts() -> None:
    training = blocks()
    network = HeteroGcnNetwork(training._replace(t=training.t // 100), SMALL)

    assert set(network.embedding) == {"user", "item"}
    assert network.timely() == {}


def test_scores_at_a_time_are_those_of_its_contexts() -> None:
    training = kinds(blocks())
    network = HeteroGcnNetwork(training, SMALL).eval()
    with torch.no_grad():
        h, vectors, timely = network.spread()[-1], network.vectors(), network.timely()
    wanted = (h["user"][4] + h["weekday"][2] + h["season"][1]) @ h["item"].T
    assert vectors.bias is not None
    found = vectors.item @ vectors.user[4] + vectors.bias + timely["weekday"][2] + timely["season"][1]

    np.testing.assert_allclose(found, wanted.numpy(), atol=1e-4)
