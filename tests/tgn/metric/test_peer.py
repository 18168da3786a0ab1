"""Ranking measures against PyTorch Geometric's."""

import warnings

import numpy as np
import pytest
import torch

from tgn.metric import ranking

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # PyTorch warns of a class that is scripted on import
    from torch_geometric.metrics import (
        LinkPredHitRatio,
        LinkPredMRR,
        LinkPredNDCG,
        LinkPredPrecision,
        LinkPredRecall,
    )

USERS, ITEMS = 40, 60
PEERS = {
    "recall": LinkPredRecall,
    "precision": LinkPredPrecision,
    "ndcg": LinkPredNDCG,
    "hit": LinkPredHitRatio,
}


@pytest.fixture
def lists() -> tuple[np.ndarray, np.ndarray]:
    """Items of each user in the order of random scores, int64 [USERS, ITEMS], and true pairs, one to nine a user."""
    chance = np.random.default_rng(4)
    order = np.argsort(-chance.random((USERS, ITEMS)), axis=1)
    true = [(u, i) for u in range(USERS) for i in chance.choice(ITEMS, chance.integers(1, 10), replace=False)]
    return order, np.array(true)


@pytest.mark.parametrize("k", [1, 10, 20])
@pytest.mark.parametrize("name", PEERS)
def test_a_measure_a_user_is_that_of_pytorch_geometric(
    lists: tuple[np.ndarray, np.ndarray], name: str, k: int
) -> None:
    order, true = lists
    ranks = 1.0 + np.argsort(order, axis=1)[true[:, 0], true[:, 1]]
    peer = PEERS[name](k=k)
    peer.update(torch.from_numpy(order[:, :k]), torch.from_numpy(true.T))

    assert getattr(ranking.per_user(true[:, 0], ranks, k), name) == pytest.approx(
        float(peer.compute()), abs=1e-6
    )


def test_mrr_is_that_of_pytorch_geometric_over_the_whole_list(lists: tuple[np.ndarray, np.ndarray]) -> None:
    order, true = lists
    ranks = 1.0 + np.argsort(order, axis=1)[true[:, 0], true[:, 1]]
    peer = LinkPredMRR(k=ITEMS)
    peer.update(torch.from_numpy(order), torch.from_numpy(true.T))

    assert ranking.per_user(true[:, 0], ranks, 10).mrr == pytest.approx(float(peer.compute()), abs=1e-6)


def test_with_one_true_item_an_event_is_a_user(lists: tuple[np.ndarray, np.ndarray]) -> None:
    ranks = 1.0 + np.argsort(lists[0], axis=1)[:, 0]
    found = ranking.per_user(np.arange(USERS), ranks, 10)

    assert ranking.recall(ranks, 10) == pytest.approx(found.recall) == pytest.approx(found.hit)
    assert ranking.precision(ranks, 10) == pytest.approx(found.precision)
    assert ranking.ndcg(ranks, 10) == pytest.approx(found.ndcg)
