"""The whole network's gradient against differences of its loss."""

import math

import msgspec
import numpy as np
import pytest

from tests.fixture.training.lesson import BATCH, SIZES, room, successors, taught
from tgn.inference.attention import bucket
from tgn.inference.layout import MEMORY, net


@pytest.mark.parametrize("change", [{}, {"columns": 3}, {"columns": 3, "node_memory": False}])
def test_the_gradient_is_the_slope_of_the_loss_along_every_weight_and_row(change):
    settings = msgspec.structs.replace(SIZES, **change)
    tables, draw = room(settings), np.random.default_rng(0)
    for name in ("item_column", "user_column") if settings.columns else ():
        tables[name][1:] = draw.normal(0, 1, tables[name][1:].shape)
    learner = taught(5, settings, tables)
    learner.flat += draw.normal(0, 0.1, learner.flat.shape)
    hist, age, user, item = successors(9, settings)
    batch = hist, bucket(age), user, item, BATCH // 2
    _, found = learner.gradient(*batch)
    names = [name for name in net(settings) if settings.node_memory or name not in MEMORY]
    size = [math.prod(net(settings)[name]) for name in names]
    cuts = {name: slice(sum(size[:k]), sum(size[: k + 1])) for k, name in enumerate(names)}
    places = {name: (learner.flat, cut, found.net[cut]) for name, cut in cuts.items()}
    places["item_vector"] = tables["item_vector"], found.seen, found.vectors
    places["item_output"] = tables["item_output"][:, :-1], found.pool, found.output

    for name, (array, rows, slope) in places.items():
        length = np.linalg.norm(slope)
        step, before, costs = 0.02 * slope / length, array[rows].copy(), []
        for way in (1, -1):
            array[rows] = before + way * step
            costs.append(learner.gradient(*batch)[0])
        array[rows] = before
        assert costs[0] - costs[1] == pytest.approx(0.04 * length, rel=0.03, abs=2e-5), name
