"""A GCN with and without trust."""

import numpy as np
import pytest
import torch

from tests.fixture.block import EMPTY, GROUPS, blocks, own, within, without
from tgn.baseline.contract import Training
from tgn.baseline.fitting.graph import adjacency
from tgn.baseline.fitting.trainer import Schedule
from tgn.baseline.graph.social_gcn import SocialGcn, SocialGcnNetwork, SocialGcnSettings, without_trust

SMALL = SocialGcnSettings(dim=16, batch=128, schedule=Schedule(lr=0.03, epochs=15, patience=15))


def trusting(training: Training) -> Training:
    """Everybody trusts five of their group."""
    users = np.arange(training.n_users)
    who, step = np.repeat(users, 5), np.tile(GROUPS * np.arange(1, 6), training.n_users)
    return training._replace(trust=np.stack([who, (who + step) % training.n_users]).astype(np.int32))


def test_users_are_shown_items_of_their_group() -> None:
    model = SocialGcn(SMALL).fit(trusting(blocks()), 0, lambda _: None, within()).frozen()

    assert np.mean([own(model.score(user, 0), user % GROUPS) for user in range(60)]) > 0.8


def test_a_user_who_took_nothing_has_the_taste_of_those_they_trust() -> None:
    training = trusting(without(blocks(), [0, 1, 2, 3], []))
    network = SocialGcn(SMALL).fit(training, 0, lambda _: None, within())
    model, blind = (
        network.frozen(),
        SocialGcn(SMALL, trusting=False).fit(training, 0, lambda _: None, within()).frozen(),
    )

    assert np.mean([own(model.score(user, 0), user % GROUPS) for user in range(4)]) > 0.6
    assert np.mean([own(blind.score(user, 0), user % GROUPS) for user in range(4)]) < 0.5


def test_without_trust_it_is_lightgcn() -> None:
    training = blocks()
    network = SocialGcnNetwork(training, SMALL, None)
    matrix = adjacency(network.users, network.items, 60, 60).to_dense()
    e = network.embedding.weight
    wanted = (e + matrix @ e + matrix @ matrix @ e) / 3

    torch.testing.assert_close(torch.stack(network.spread()).mean(0), wanted)


def test_trust_is_read_by_who_trusts_not_by_who_is_trusted() -> None:
    network = SocialGcnNetwork(blocks(), SMALL, np.array([[0], [5]], np.int32)).eval()
    with torch.no_grad():
        network.weight.fill_(1.0)
    moved = (network.start() - network.embedding.weight).detach().abs().sum(1)

    assert torch.nonzero(moved).flatten().tolist() == [0]


def test_it_begins_as_the_model_without_trust() -> None:
    network = SocialGcnNetwork(trusting(blocks()), SMALL, trusting(blocks()).trust).eval()

    assert network.start().equal(network.embedding.weight)


def test_it_says_that_it_needs_trust() -> None:
    assert SocialGcn().needs == without_trust().needs == "trust"
    assert (SocialGcn().name, without_trust().name) == ("social-gcn", "social-gcn-no-trust")
    with pytest.raises(ValueError, match="social-gcn: no trust is known; give a file of who trusts whom"):
        SocialGcn(SMALL).fit(blocks(), 0, lambda _: None, within())


def test_a_file_of_trust_that_names_nobody_is_no_trust() -> None:
    network = SocialGcnNetwork(blocks(), SMALL, np.stack([EMPTY, EMPTY]))

    assert network.start() is network.embedding.weight
