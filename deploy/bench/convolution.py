"""Benchmark of a graph convolution: an epoch of LightGCN, by its CPU time on one thread, beside PyG's own model."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from deploy.bench import harness

DIM, LAYERS, BATCH, EPOCHS = 64, 3, 16_384, 5
PAIRS, USERS, ITEMS = 80_000, 943, 1_682  # without a log: as many as the training part of MovieLens 100K


def pairs(data: str) -> tuple[np.ndarray, np.ndarray]:
    """Return users and items of the training part of a random split of a log, of synthetic pairs without one."""
    if not data:
        rng = np.random.default_rng(0)
        key = rng.choice(USERS * ITEMS, PAIRS, replace=False)
        return key // ITEMS, key % ITEMS
    from deploy.evaluate.protocol import split

    log = split(Path(data), "random", None)
    train = log.part == 0
    return log.users[train], log.items[train]


def _epoch_s(epoch: Callable[[], None]) -> float:
    """Return the CPU seconds of the fastest of some epochs, after one that warms up."""
    epoch()
    found = []
    for _ in range(EPOCHS):
        begin = time.process_time()
        epoch()
        found.append(time.process_time() - begin)
    return min(found)


def lightgcn(data: str) -> harness.Figures:
    """Measure an epoch with negatives, gradients and steps of the optimizer.

    Args:
        data: A log; synthetic pairs where it is left out.
    """
    import torch

    from tgn.baseline.contract import Training
    from tgn.baseline.fitting import graph
    from tgn.baseline.fitting.pyg import nn as pyg
    from tgn.baseline.graph.lightgcn import LightGcnNetwork, LightGcnSettings

    torch.set_num_threads(1)
    torch.manual_seed(0)
    users, items = (one.astype(np.int32) for one in pairs(data))
    n_users, n_items, none = int(users.max()) + 1, int(items.max()) + 1, np.zeros(0, np.int32)
    t, value = np.arange(users.shape[0]), np.ones(users.shape[0], np.float32)
    training = Training(users, items, t, value, n_users, n_items, none, none, none, none)
    rng = np.random.default_rng(0)
    settings = LightGcnSettings(dim=DIM, layers=LAYERS, batch=BATCH, negatives="uniform", per_pair=1)
    mine = LightGcnNetwork(training, settings)
    ours = torch.optim.Adam(mine.parameters(), lr=settings.schedule.lr)
    peer = pyg.LightGCN(n_users + n_items, DIM, LAYERS)
    theirs = torch.optim.Adam(peer.parameters(), lr=settings.schedule.lr)
    edges = graph.edges(mine.users, mine.items, n_users)

    def products() -> None:
        for batch in mine.batches(rng):
            mine.step(batch, ours)

    def messages() -> None:
        for batch in mine.batches(rng):
            taken, other = batch.items + n_users, batch.others[:, 0] + n_users
            asked = torch.stack([batch.users.repeat(2), torch.cat([taken, other])])
            theirs.zero_grad()
            yes, no = peer(edges, asked).chunk(2)
            nodes: torch.Tensor = torch.cat([batch.users, taken, other]).unique()  # type: ignore[no-untyped-call]
            peer.recommendation_loss(yes, no, node_id=nodes, lambda_reg=settings.l2).backward()
            theirs.step()

    sparse, pyg_s = _epoch_s(products), _epoch_s(messages)
    return {
        "pairs": mine.users.shape[0],
        "users": n_users,
        "items": n_items,
        "dim": DIM,
        "layers": LAYERS,
        "batch": BATCH,
        "threads": 1,
        "epoch_s": round(sparse, 3),
        "pyg_epoch_s": round(pyg_s, 3),
        "pyg_to_epoch": round(pyg_s / sparse, 1),
    }
