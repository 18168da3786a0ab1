"""Benchmark of how training reads a graph: an epoch of GraphSAGE by full batch, neighbours, layers and clusters."""

from __future__ import annotations

import resource
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from deploy.bench import harness
from deploy.bench.convolution import pairs

MODES = ("full", "neighbour", "layer", "cluster")
EPOCHS = 2


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _measured(mode: str, users: np.ndarray, items: np.ndarray) -> dict[str, float]:
    """Return what an epoch takes in this process, after one that warms up, and what a fit adds to its memory."""
    import torch

    from tgn.baseline.contract import Training
    from tgn.baseline.graph.graphsage import GraphSageNetwork, GraphSageSettings
    from tgn.baseline.sampling.mode import Reading

    torch.set_num_threads(1)
    torch.manual_seed(0)
    before, none = _peak_mib(), np.zeros(0, np.int32)
    training = Training(
        users, items, np.arange(users.shape[0]), np.ones(users.shape[0], np.float32),
        int(users.max()) + 1, int(items.max()) + 1, none, none, none, none,
    )  # fmt: skip
    network = GraphSageNetwork(training, GraphSageSettings(reading=Reading(mode=mode)))  # type: ignore[arg-type]
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    rng, spent, steps = np.random.default_rng(0), [], 0
    for _ in range(1 + EPOCHS):
        begin, steps = time.process_time(), 0
        for batch in network.batches(rng):
            network.step(batch, optimizer)
            steps += 1
        spent.append(time.process_time() - begin)
    return {
        "epoch_s": round(min(spent[1:]), 3),
        "steps": steps,
        "added_mib": round(_peak_mib() - before, 1),
    }


def sampling(data: str) -> harness.Figures:
    """Measure the ways to read a graph, each in a process of its own.

    Args:
        data: A log; synthetic pairs where it is left out.
    """
    users, items = (one.astype(np.int32) for one in pairs(data))
    found = {}
    for mode in MODES:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            found[mode] = pool.submit(_measured, mode, users, items).result()
    return {
        "unit": "CPU s an epoch, MiB", "data": data or "synthetic pairs", "pairs": int(users.shape[0]), "modes": found,
        "measured": f"GraphSAGE, d 64, 2 layers, one thread, the faster of {EPOCHS} epochs after one that warms up; memory at its peak less that before the network was built",
    }  # fmt: skip
