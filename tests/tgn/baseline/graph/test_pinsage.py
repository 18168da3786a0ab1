"""PinSage: visits, importance pooling, hard negatives by curriculum, users by their items."""

import numpy as np
import torch

from tests.fixture.block import GROUPS, blocks, own, within, without
from tgn.baseline.fitting.trainer import Schedule
from tgn.baseline.graph.inductive import InductiveFitted
from tgn.baseline.graph.pinsage import PinSage, PinSageNetwork, PinSageSettings

SMALL = PinSageSettings(
    dim=16,
    batch=128,
    neighbours=6,
    far=8,
    visited=14,
    hard=2,
    schedule=Schedule(lr=0.03, epochs=12, patience=12),
)


def fitted(**cut: list[int]) -> InductiveFitted:
    training = without(blocks(), cut.get("users", []), cut.get("items", []))
    found = PinSage(SMALL).fit(training, 0, lambda _: None, within())
    assert isinstance(found, InductiveFitted)
    return found


def test_users_are_shown_items_of_their_group() -> None:
    model = fitted().frozen()

    assert np.mean([own(model.score(user, 0), user % GROUPS) for user in range(60)]) > 0.8


def test_an_item_reads_the_items_of_its_users() -> None:
    shares = PinSageNetwork(blocks(), SMALL, 0).shares.matrix.to_dense().numpy()
    read = shares > 0

    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-5)
    assert read.sum(1).max() == 6
    assert (np.nonzero(read)[0] % GROUPS == np.nonzero(read)[1] % GROUPS).all()


def test_each_epoch_has_one_hard_negative_more_up_to_the_limit() -> None:
    network, rng = PinSageNetwork(blocks(), SMALL, 0), np.random.default_rng(0)
    drawn = [{batch.others.shape[1] for batch in network.batches(rng)} for _ in range(4)]

    assert drawn == [{1}, {2}, {3}, {3}]


def test_hard_negatives_are_near_the_users_items_and_not_taken() -> None:
    network, rng = PinSageNetwork(blocks(), SMALL, 0), np.random.default_rng(0)
    list(network.batches(rng))
    batches = list(network.batches(rng))
    users = torch.cat([batch.users for batch in batches]).numpy()
    easy, hard = torch.cat([batch.others for batch in batches]).numpy().T

    assert not network.negatives.taken(users, hard).any()
    assert np.mean(users % GROUPS == hard % GROUPS) > np.mean(users % GROUPS == easy % GROUPS) + 0.1


def test_the_item_to_be_ranked_is_left_out_of_its_user() -> None:
    network = PinSageNetwork(blocks(), SMALL, 0)
    batch = next(network.batches(np.random.default_rng(0)))
    one = batch._replace(users=batch.users[:1], items=batch.items[:1], others=batch.others[:1])
    with torch.no_grad():
        h = network.spread()[-1]
        mine = network.items[network.users == int(one.users)]
        rest = h[torch.from_numpy(mine[mine != int(one.items)])].mean(0)
        user = network.query(rest)
        wanted = (h[one.others[0]] - h[one.items]) @ user + network.settings.margin
        size = user.square().sum() + h[one.items].square().sum() + h[one.others[0]].square().sum()

        torch.testing.assert_close(network.loss(one), wanted.relu().mean() + network.settings.l2 * size)


def test_a_user_unseen_in_training_is_scored_by_what_they_take() -> None:
    model = fitted(users=[2]).live()
    before = [own(model.score(2, 0), group) for group in range(GROUPS)]
    group = int(np.argmin(before))
    for item in range(3):
        model.learn(2, GROUPS * item + group, 10**10)

    assert before[group] < 0.4
    assert own(model.score(2, 10**10), group) > 0.8


def test_an_item_unseen_in_training_cannot_be_scored_without_features() -> None:
    found = fitted(items=[7])
    score = found.live().score(3, 0)

    assert found.cold_items == "cannot"
    assert (score[7] < np.delete(score, 7)).all()
