"""GraphSAGE, its ways to read the graph, and users and items it was not trained on."""

import numpy as np
import pytest
import torch

from tests.fixture.block import EMPTY, GROUPS, blocks, own, within, without
from tgn.baseline.contract import Training
from tgn.baseline.fitting.trainer import Schedule
from tgn.baseline.graph.graphsage import GraphSage, GraphSageNetwork, GraphSageSettings
from tgn.baseline.graph.inductive import InductiveFitted
from tgn.baseline.graph.mean import weights
from tgn.baseline.sampling.mode import Mode, Reading


def settings(mode: Mode = "full", epochs: int = 20) -> GraphSageSettings:
    reading = Reading(mode=mode, batch=128, neighbours=4, layer=60, nodes=30, together=2)
    return GraphSageSettings(dim=16, reading=reading, schedule=Schedule(lr=0.03, epochs=epochs, held=0.0))


def fit(training: Training, mode: Mode = "full", epochs: int = 20) -> InductiveFitted:
    alone = training._replace(
        held_users=EMPTY, held_items=EMPTY
    )  # as many epochs as told, whatever they bring
    found = GraphSage(settings(mode, epochs)).fit(alone, 0, lambda _: None, within())
    assert isinstance(found, InductiveFitted)
    return found


def places(score: np.ndarray) -> np.ndarray:
    """The place of each item, from 0."""
    return np.argsort(np.argsort(-score, kind="stable"))


@pytest.mark.parametrize("mode", ["full", "neighbour", "layer", "cluster"])
def test_users_are_shown_items_of_their_group_however_the_graph_is_read(mode: Mode) -> None:
    if mode == "cluster":
        pytest.importorskip("pymetis")
    model = fit(blocks(), mode).frozen()

    assert np.mean([own(model.score(user, 0), user % GROUPS) for user in range(60)]) > 0.6


def test_a_sample_with_room_for_all_neighbours_gives_the_vectors_of_the_whole_graph() -> None:
    training = blocks()
    reading = Reading(mode="neighbour", neighbours=100, batch=8)
    network = GraphSageNetwork(training, GraphSageSettings(dim=8, reading=reading), 0)
    network.eval()
    sample = next(network.batches(np.random.default_rng(0)))
    layers = [weights(one) for one in sample.layers]
    found = network.spread(network.start(sample.node), layers)[-1]
    with torch.no_grad():
        wanted = torch.from_numpy(network.layers()[-1])
    ranked = torch.cat([sample.users, sample.items, sample.others.flatten()])

    torch.testing.assert_close(found[ranked].detach(), wanted[sample.node[ranked]])


def test_a_user_unseen_in_training_is_scored_by_the_mean_of_what_they_take() -> None:
    model = fit(without(blocks(), [2], [])).live()
    before = [own(model.score(2, 0), group) for group in range(GROUPS)]
    group = int(np.argmin(before))
    for item in range(3):
        model.learn(2, GROUPS * item + group, 10**10)

    assert before[group] < 0.3
    assert own(model.score(2, 10**10), group) > 0.8


def test_an_item_unseen_in_training_is_scored_by_the_mean_of_those_who_take_it() -> None:
    model = fit(without(blocks(), [], [7])).live()
    unseen = model.score(3, 0)[7]
    assert unseen < model.score(3, 0)[np.arange(60) != 7].min()
    for user in (3, 11, 15, 19):
        model.learn(user, 7, 10**10)

    place = np.array([places(model.score(user, 10**10))[7] for user in range(60)])

    assert place[3::4].mean() < 15
    assert place[3::4].mean() < np.delete(place, np.s_[3::4]).mean() - 10


def test_an_item_unseen_in_training_is_scored_by_its_columns() -> None:
    columns = np.eye(GROUPS, dtype=np.float32)[np.arange(60) % GROUPS]
    found = fit(without(blocks(), [], [7])._replace(item_columns=columns), epochs=60)
    model = found.frozen()
    place = np.array([places(model.score(user, 0))[7] for user in range(60)])

    assert (found.cold_users, found.cold_items) == ("neighbours", "features")
    assert place[3::4].mean() < 15
    assert place[3::4].mean() < np.delete(place, np.s_[3::4]).mean() - 10


def test_a_live_user_of_one_event_is_as_fitted() -> None:
    training = blocks(each=1)
    found = fit(training._replace(t=np.zeros_like(training.t)))
    live, frozen = found.live(), found.frozen()

    for user in range(0, 60, 7):
        np.testing.assert_allclose(live.score(user, 0), frozen.score(user, 0), atol=1e-4)


def test_what_a_live_user_takes_last_counts_most() -> None:
    model = fit(blocks()).live()
    for item in (1, 5, 9, 13):
        model.learn(0, item, 10**15)

    assert own(model.score(0, 10**15), 1) > own(model.score(0, 10**15), 0)


def test_layers_are_measured_for_smoothness() -> None:
    found = fit(blocks())

    assert len(found.smoothness) == 3
    assert all(-1 <= one <= 1 for one in found.smoothness)
