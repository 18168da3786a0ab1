"""Skip-gram over walks: vectors of nodes by which they are told from chance as neighbours on a walk.

    L = Σ_(v, c) ln σ(w_v . c_c) + k E_n ln σ(-w_v . c_n)     over nodes v and the nodes c at most `window` steps away
    score(u, i) = mean of w_u . c_i and c_u . w_i, plus .75 ln d_i

Walks over a graph of users and items go from one to the other, so an odd number of steps joins a user and an item, an
even number two of a kind.  Logistic loss against negatives drawn by degree^.75 leaves a product that has ln degree^.75
taken out; it is put back for the ranking.

Source: Mikolov et al., Distributed Representations of Words and Phrases and their Compositionality (2013), section 2.2;
Perozzi, Al-Rfou and Skiena, DeepWalk (2014), section 4.2.2, for walks as sentences; Levy and Goldberg, Neural Word
Embedding as Implicit Matrix Factorization (2014), section 3, for what negatives leave in the product.  Not taken: hierarchical
softmax; plain gradient descent (Adam stands in); negatives of each pair apart (a batch shares them).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
import torch
from torch import Tensor, from_numpy, nn
from torch.nn import functional as F

from tgn.baseline.contract import Fitted, Progress, Training
from tgn.baseline.fitting import trainer
from tgn.baseline.fitting.clock import Clock
from tgn.baseline.fitting.negative import POWER, Negatives
from tgn.baseline.fitting.network import Network
from tgn.baseline.fitting.trainer import Schedule
from tgn.baseline.fitting.vectors import Vectors
from tgn.baseline.walk.walk import bipartite, walks


class SkipGramSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Units: counts; `p` and `q` as for walks.

    Fields:
        walks: From each node in an epoch.
        length: Nodes of a walk.
        window: Steps to either side that are context.
        negatives: k of the loss.
        shared: Nodes that a batch is told from.
        batch: Walks a step.
        l2: What a large vector costs, a node of a walk.
    """

    dim: int = 64
    walks: int = 4
    length: int = 20
    window: int = 5
    negatives: int = 5
    shared: int = 128
    batch: int = 64
    p: float = 1.0
    q: float = 1.0
    l2: float = 1e-3
    schedule: Schedule = Schedule(lr=0.01, epochs=16, patience=3)


class SkipGramNetwork(Network):
    """Vectors of nodes and of nodes as context; users, then items."""

    def __init__(self, training: Training, settings: SkipGramSettings) -> None:
        super().__init__(training, Negatives(training), settings.batch)
        self.settings, nodes = settings, self.n_users + self.n_items
        self.graph = bipartite(training.users, training.items, self.n_users, self.n_items)
        degree = np.diff(self.graph.start)
        self.begin = np.flatnonzero(degree)
        self.cumulative = np.cumsum(degree**POWER) / (degree**POWER).sum()
        self.popular = (POWER * np.log(np.maximum(1, degree[self.n_users :]))).astype(np.float32)
        step = np.abs(np.subtract.outer(np.arange(settings.length), np.arange(settings.length)))
        self.near = from_numpy(
            np.flatnonzero((step > 0) & (step <= settings.window))
        )  # places in a walk's pairs
        self.node, self.context = nn.Embedding(nodes, settings.dim), nn.Embedding(nodes, settings.dim)
        for part in (self.node, self.context):
            nn.init.normal_(part.weight, std=0.1 / settings.dim**0.5)

    def batches(self, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield walks as nodes int64 [b, length], and nodes that they are told from, int64 [m]."""
        settings = self.settings
        begin = rng.permutation(np.tile(self.begin, settings.walks))
        for at in range(0, begin.shape[0], settings.batch):
            some = begin[at : at + settings.batch]
            seed = int(rng.integers(1 << 62))
            walked = walks(self.graph, some, settings.length, seed, p=settings.p, q=settings.q)
            others = np.searchsorted(self.cumulative, rng.random(settings.shared), side="right")
            others = np.minimum(others, self.cumulative.shape[0] - 1)
            yield from_numpy(walked.astype(np.int64)), from_numpy(others)

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Return the logistic loss of the pairs in the windows, with what large vectors cost."""
        settings, (walked, others) = self.settings, batch
        node, context, wrong = self.node(walked), self.context(walked), self.context(others)
        score = torch.bmm(node, context.transpose(1, 2))  # [b, length, length], all pairs of a walk
        right = -F.logsigmoid(score.flatten(1)[:, self.near]).mean()
        told = -F.logsigmoid(-(node @ wrong.T)).mean() * settings.negatives
        size = (node.square().sum() + context.square().sum()) / walked.numel()
        return right + told + settings.l2 * size

    def vectors(self) -> Vectors:
        """Return both roles end to end, so that a product is the mean of two scores."""
        n = self.n_users
        node, context = self.node.weight.numpy() / 2**0.5, self.context.weight.numpy() / 2**0.5
        user = np.concatenate([node[:n], context[:n]], axis=1)
        return Vectors(user, np.concatenate([context[n:], node[n:]], axis=1), self.popular)


def fit(
    name: str, settings: SkipGramSettings, training: Training, seed: int, progress: Progress, clock: Clock
) -> Fitted:
    """Fit until recall on held events rises no more."""
    done = trainer.fit(
        lambda part: SkipGramNetwork(part, settings), training, settings.schedule, seed, progress, clock
    )
    return trainer.fitted(name, done, training)


def memory(settings: SkipGramSettings, n_users: int, n_items: int, n_events: int) -> int:
    """Return an upper estimate of the bytes of a fit."""
    walked = settings.batch * settings.length
    wide = 4 * walked * (settings.shared * 4 + settings.dim * 4 * (settings.window + 1))
    return trainer.memory(n_users + n_items, 20 * settings.dim, n_events, walked, settings.dim) + wide
