"""GAT, trained on samples and asked over the whole graph."""

import numpy as np
import torch

from tests.fixture.block import GROUPS, blocks, own, within
from tgn.baseline.fitting.trainer import Schedule
from tgn.baseline.graph.gat import Gat, GatNetwork, GatSettings
from tgn.baseline.sampling.mode import Reading


def network(neighbours: int) -> GatNetwork:
    reading = Reading(mode="neighbour", neighbours=neighbours, batch=8)
    return GatNetwork(blocks(), GatSettings(dim=16, reading=reading), 0)


def test_users_are_shown_items_of_their_group() -> None:
    reading = Reading(mode="neighbour", neighbours=4, batch=128)
    settings = GatSettings(dim=16, reading=reading, schedule=Schedule(lr=0.03, epochs=15, patience=15))
    model = Gat(settings).fit(blocks(), 0, lambda _: None, within()).frozen()

    assert np.mean([own(model.score(user, 0), user % GROUPS) for user in range(60)]) > 0.8


def test_a_sample_with_room_for_all_neighbours_gives_the_vectors_of_the_whole_graph() -> None:
    gat = network(100).eval()
    sample = next(gat.batches(np.random.default_rng(0)))
    ranked = torch.cat([sample.users, sample.items, sample.others.flatten()])
    with torch.no_grad():
        found, whole = gat.spread(sample.node, sample.layers)[-1], gat.layers()[-1]

    np.testing.assert_allclose(found[ranked], whole[sample.node[ranked]], atol=1e-5)


def test_neighbours_count_by_attention_not_alike() -> None:
    gat = network(100).eval()
    whole = gat.reader.whole
    edges = torch.from_numpy(np.stack([whole.col, whole.row]))
    with torch.no_grad():
        gat.embedding.weight.mul_(20)
        h = gat.embedding.weight
        _, (_, attention) = gat.convs[0]((h, h), edges, return_attention_weights=True)
    total = np.zeros((h.shape[0], attention.shape[1]))
    np.add.at(total, whole.row, attention.numpy())

    np.testing.assert_allclose(total[np.unique(whole.row)], 1, atol=1e-5)
    assert float((attention - torch.from_numpy(whole.weight)[:, None]).abs().max()) > 0.05


def test_messages_an_edge_are_in_the_memory_it_asks_for() -> None:
    full = Gat(GatSettings(reading=Reading(mode="full")))

    assert Gat().memory(100_000, 50_000, 1_000_000) < 8 * 2**30
    assert full.memory(100_000, 50_000, 1_000_000) > 2 * 2_000_000 * 4 * 64
