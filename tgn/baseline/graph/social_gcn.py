"""Social GCN: users begin as themselves and as those they trust, with attention; then as LightGCN.

    a(u, f) = softmax over those f whom u trusts of leaky_relu(a1 . W e[u] + a2 . W e[f])
    e'[u] = e[u] + w sum of a(u, f) W e[f]         E = mean over layers of (D^-1/2 A D^-1/2)^l e'

trained by BPR on E, w from 0 on.  Without trust it is LightGCN, so the two differ by trust alone.

Source: Wu et al., A Neural Influence Diffusion Model for Social Recommendation (2019), section 3, for users diffused
over those they trust before they meet items; Fan et al., Graph Neural Networks for Social Recommendation (2019),
section 3.3, equations 9 to 12, for attention over friends, here PyTorch Geometric's GATConv; He et al., LightGCN (2020).
"""

from __future__ import annotations

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from tgn.baseline.contract import Cold, Fitted, Progress, Training
from tgn.baseline.fitting import loss, pyg, trainer
from tgn.baseline.fitting.clock import Clock
from tgn.baseline.fitting.graph import adjacency, propagate
from tgn.baseline.fitting.negative import Kind, Negatives
from tgn.baseline.fitting.network import Batch, Network
from tgn.baseline.fitting.trainer import Schedule
from tgn.baseline.fitting.vectors import Vectors


class SocialGcnSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Units: counts; `dropout` a share of the trust edges a step; `l2` a pair."""

    dim: int = 64
    heads: int = 4
    layers: int = 2
    batch: int = 16_384
    dropout: float = 0.2
    l2: float = 1e-4
    negatives: Kind = "uniform"
    schedule: Schedule = Schedule(lr=0.01)


class SocialGcnNetwork(Network):
    """Vectors of nodes, attention over trust, and the matrix that spreads them.

    Args:
        trust: Who trusts whom, int [2, e]; None for none.
    """

    def __init__(self, training: Training, settings: SocialGcnSettings, trust: np.ndarray | None) -> None:
        super().__init__(training, Negatives(training, settings.negatives), settings.batch)
        self.settings = settings
        self.matrix = adjacency(self.users, self.items, self.n_users, self.n_items)
        self.embedding = nn.Embedding(self.n_users + self.n_items, settings.dim)
        nn.init.normal_(self.embedding.weight, std=0.1)
        self.known = torch.from_numpy(np.bincount(self.users, minlength=self.n_users) > 0)
        with torch.no_grad():  # a user who took nothing is nothing but those they trust
            self.embedding.weight[: self.n_users][~self.known] = 0.0
        self.trust = None
        if trust is not None and trust.shape[1]:
            self.trust = torch.from_numpy(
                np.unique(trust[::-1].astype(np.int64), axis=1)
            )  # from whom, to who trusts
            self.friends = pyg.nn.GATConv(
                settings.dim,
                settings.dim // settings.heads,
                heads=settings.heads,
                dropout=settings.dropout,
                add_self_loops=False,
                bias=False,
            )
            self.weight = nn.Parameter(torch.zeros(()))  # of friends: it begins as the model without trust

    def start(self) -> Tensor:
        """Return e' of all nodes."""
        e = self.embedding.weight
        if self.trust is None:
            return e
        users = e[: self.n_users]
        return torch.cat([users + self.weight * self.friends(users, self.trust), e[self.n_users :]])

    def spread(self) -> list[Tensor]:
        """Return each layer's vectors of all nodes, e' first."""
        out = [self.start()]
        for _ in range(self.settings.layers):
            out.append(propagate(self.matrix, out[-1]))
        return out

    def loss(self, batch: Batch) -> Tensor:
        """Return BPR with the L2 cost of the rows it touches."""
        every = torch.stack(self.spread()).mean(0)
        taken, others = batch.items + self.n_users, batch.others[:, 0] + self.n_users
        nodes = torch.cat([batch.users, taken, others])
        user, yes, no = every[nodes].view(3, -1, self.settings.dim)
        ranking = loss.bpr((user * yes).sum(1), (user * no).sum(1)[:, None])
        return ranking + self.settings.l2 * self.embedding(nodes).square().sum() / batch.users.shape[0]

    def vectors(self) -> Vectors:
        """Return the mean over layers; the mean user for those who took nothing and trust nobody."""
        out = torch.stack(self.spread()).mean(0)
        users, items = out[: self.n_users], out[self.n_users :]
        reached = self.known.clone()
        if self.trust is not None:
            reached[self.trust[1]] = True
        users[~reached] = users[self.known].mean(0)
        return Vectors(users.numpy(), items.numpy())

    def layers(self) -> list[np.ndarray]:
        """Return each layer's vectors, e' first."""
        return [one.detach().numpy() for one in self.spread()]


class SocialGcn:
    """Fits a social GCN.

    Args:
        settings: Widths, layers, costs, schedule; None takes the defaults.
        trusting: Whether trust is read; without it this is the model to compare with.
    """

    needs = "trust"

    def __init__(self, settings: SocialGcnSettings | None = None, trusting: bool = True) -> None:
        self.settings, self.trusting = settings or SocialGcnSettings(), trusting
        self.name = "social-gcn" if trusting else "social-gcn-no-trust"

    def memory(self, n_users: int, n_items: int, n_events: int) -> int:
        """Return the bytes of weights, gradients, moments, layers, the graph, and of twenty friends a user."""
        width = 4 * self.settings.dim
        rows = (n_users + n_items) * width * (14 + 6 * self.settings.layers)
        friends = 20 * n_users * (4 * width + 64) if self.trusting else 0
        return rows + friends + n_events * 2 * (8 + 4) * 4

    def fit(self, training: Training, seed: int, progress: Progress, clock: Clock) -> Fitted:
        """Fit by BPR until recall on held events rises no more.

        Raises:
            ValueError: Nobody is known to trust anybody.
        """
        if training.trust is None:
            raise ValueError(f"{self.name}: no trust is known; give a file of who trusts whom")
        trust = training.trust if self.trusting else None
        done = trainer.fit(
            lambda part: SocialGcnNetwork(part, self.settings, trust),
            training,
            self.settings.schedule,
            seed,
            progress,
            clock,
        )
        cold: Cold = "features" if trust is not None else "neighbours"
        return trainer.fitted(self.name, done, training, cold_users=cold)


def without_trust() -> SocialGcn:
    """Return the same model without trust."""
    return SocialGcn(trusting=False)
