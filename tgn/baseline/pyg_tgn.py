"""PyTorch Geometric's own TGN recipe behind the contract of a baseline: for comparison only.

Source: examples/tgn.py of PyTorch Geometric (Rossi et al., Temporal Graph Networks, 2020, as re-implemented there).
Taken: its `TGNMemory` with `IdentityMessage` and `LastAggregator`, `LastNeighborLoader`, one `TransformerConv` of two
heads over ages, a two-layer link predictor, one uniform negative an event, binary cross-entropy, Adam, batches of 200
scored on the state before the batch.  Not taken: edge features (a constant stands in), the learning rate of 1e-4.

`TGNMemory.eval()` is never called.  Entering it rewrites the memory of every node that exists, throws all pending
messages away, and leaves messages behind that are applied a second time when training goes on.  The memory stays in
training mode instead, in which reading a node applies its pending messages to a copy; it holds no dropout, so nothing
else depends on the mode.  Scores are read without gradients, with dropout off.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


class PygSettings(msgspec.Struct, frozen=True):
    """What the recipe leaves open.  Units: counts; `lr` a step."""

    lr: float = 1e-3
    batch: int = 200
    dim: int = 100
    neighbours: int = 10
    dropout: float = 0.1
    seed: int = 0


class PygTgn:
    """Orders items by the link predictor of a TGN, with state as of the last full batch.

    Torch is imported when the first one is made.  An item nobody has touched scores like any other such item, a user
    who has touched nothing like any other such user: a node that never has an event stands in for them.  Before the
    first full batch all items tie.

    Args:
        users: How many users there are; a larger row is an error in `learn`.
        items: How many items there are.
        settings: Widths, batch, learning rate and seed; None takes the defaults.
    """

    name = "pyg-tgn"
    at: Tensor  # int64, seconds since `t0` of each stored event, by the loader's number
    known: np.ndarray  # bool [nodes], has had an event, or is the one that stands for those that have not
    touched: np.ndarray  # int64, the known items' nodes, the one that stands for the others last
    waiting: list[tuple[int, int, int]]  # user, item, t of events not yet stored
    stored: int  # events in memory
    passed: int  # events of the last fit that came again
    _items: Tensor | None  # embeddings of `touched` and of users as asked for, kept until the next batch
    _users: dict[int, Tensor]

    def __init__(self, users: int, items: int, settings: PygSettings | None = None) -> None:
        import torch
        from torch import nn

        with warnings.catch_warnings():
            # It scripts a class of its own while it is imported, which PyTorch warns of.
            warnings.simplefilter("ignore", DeprecationWarning)
            from torch_geometric.nn import TGNMemory, TransformerConv
            from torch_geometric.nn.models.tgn import IdentityMessage, LastAggregator, LastNeighborLoader

        self.users, self.items, self.settings = users, items, settings or PygSettings()
        nodes = users + items + 1  # the last one stands for all that are unknown
        dim = self.settings.dim
        self.frozen = False
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)
            self.memory = TGNMemory(nodes, 1, dim, dim, IdentityMessage(1, dim, dim), LastAggregator())
            self.net = nn.ModuleDict(
                {
                    "conv": TransformerConv(
                        dim, dim // 2, heads=2, dropout=self.settings.dropout, edge_dim=dim + 1
                    ),
                    "user": nn.Linear(dim, dim),
                    "item": nn.Linear(dim, dim),
                    "out": nn.Linear(dim, 1),
                }
            )
        self.net.eval()  # but while a loss is taken
        self.loader = LastNeighborLoader(nodes, self.settings.neighbours)
        self.optimizer = torch.optim.Adam(
            [*self.memory.parameters(), *self.net.parameters()], lr=self.settings.lr
        )
        self.turn = 0  # batches trained on, ever
        self.t0: int | None = None
        self.fitted = np.zeros((0, 3), np.int64)
        self._reset()

    def score(self, user: int, t: int) -> np.ndarray:
        """Return the link predictor's logits as of the last full batch, float64 [items]; all 0 before the first."""
        import torch

        if not self.stored:
            return np.zeros(self.items)
        with torch.no_grad():
            if self._items is None:
                self._items = self._embed(torch.from_numpy(self.touched))
            row = user if user < self.users and self.known[user] else self.users + self.items
            if row not in self._users:
                self._users[row] = self._embed(torch.tensor([row]))
            logit = self._link(self._users[row], self._items).squeeze(-1).numpy()
        out = np.full(self.items, logit[-1], np.float64)
        out[self.touched[:-1] - self.users] = logit[:-1]
        return out

    def learn(self, user: int, item: int, t: int) -> None:
        """Keep the event; with the last of a batch, train on the batch unless frozen, then update the memory.

        Events that `fit` has taken are passed over when they come again, in the same order, from its first one on.

        Raises:
            ValueError: A user or an item past those the model was made for.
        """
        if user >= self.users or item >= self.items:
            raise ValueError(
                f"event of user {user}, item {item}: the model was made for {self.users} users and {self.items} "
                "items; make it with as many as the log has"
            )
        if self.passed < self.fitted.shape[0]:
            if (self.fitted[self.passed] == (user, item, t)).all():
                self.passed += 1
                return
            self.passed = self.fitted.shape[0]
        self.waiting.append((user, item, t))
        if len(self.waiting) == self.settings.batch:
            self._flush()

    def fit(self, users: np.ndarray, items: np.ndarray, t: np.ndarray, epochs: int) -> list[float]:
        """Train several times over a log, from an empty memory each time, and keep the memory of the last.

        Shapes:
            - users, items, t: int [n], in order of time; the last batch may be a short one

        Returns:
            The mean loss of each epoch.
        """
        losses = []
        for _ in range(epochs):
            self._reset()
            total = 0.0
            for begin in range(0, len(t), self.settings.batch):
                rows = slice(begin, begin + self.settings.batch)
                self.waiting = list(
                    zip(users[rows].tolist(), items[rows].tolist(), t[rows].tolist(), strict=True)
                )
                total += len(self.waiting) * self._flush()
            losses.append(total / max(1, len(t)))
        self.fitted, self.passed = np.stack([users, items, t], axis=1).astype(np.int64), 0
        return losses

    def freeze(self) -> None:
        """Train no more; memory and neighbours go on."""
        self.frozen = True

    def _reset(self) -> None:
        """Forget every event, keep the weights."""
        import torch

        self.memory.reset_state()
        self.loader.reset_state()
        self.at = torch.zeros(1024, dtype=torch.long)
        self.stored = self.passed = 0
        self.known = np.zeros(self.users + self.items + 1, bool)
        self.known[-1] = True
        self.waiting = []
        self._forget()

    def _forget(self) -> None:
        self.touched = np.flatnonzero(self.known[self.users :]) + self.users
        self._items = None
        self._users = {}

    def _embed(self, nodes: Tensor) -> Tensor:
        """Return the embeddings of distinct nodes, float32 [n, dim]."""
        import torch

        found, edges, number = self.loader(nodes)
        vector, last = self.memory(found)
        age = (last[edges[0]] - self.at[number]).to(vector.dtype)
        feature = torch.cat([self.memory.time_enc(age), torch.ones(age.shape[0], 1)], dim=-1)
        return self.net["conv"](vector, edges, feature)[torch.searchsorted(found, nodes)]

    def _link(self, user: Tensor, item: Tensor) -> Tensor:
        return self.net["out"]((self.net["user"](user) + self.net["item"](item)).relu())

    def _flush(self) -> float:
        """Train on the waiting events, then store them; return the loss, 0 when frozen."""
        import torch

        users, items, times = torch.tensor(self.waiting, dtype=torch.long).T.contiguous()
        if self.t0 is None:
            self.t0 = self.waiting[0][2]
        user, item, at = users, items + self.users, (times - self.t0) // 1000
        loss = None if self.frozen else self._loss(user, item)
        with torch.no_grad():
            self.memory.update_state(user, item, at, torch.ones(at.shape[0], 1))
        self.loader.insert(user, item)
        end = self.stored + at.shape[0]
        while end > self.at.shape[0]:
            self.at = torch.cat([self.at, torch.zeros_like(self.at)])
        self.at[self.stored : end] = at
        self.stored = end
        self.known[user.numpy()] = self.known[item.numpy()] = True
        self.waiting = []
        if loss is not None:  # after storing, as the recipe does: by the weights that judged the batch
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
        self._forget()
        return 0.0 if loss is None else loss.item()

    def _loss(self, user: Tensor, item: Tensor) -> Tensor:
        """Return the loss of a batch and one uniform negative an event, on the state before the batch."""
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed((self.settings.seed << 32) + self.turn)
            self.turn += 1
            other = torch.randint(self.users, self.users + self.items, item.shape)
            nodes: Tensor = torch.unique(torch.cat([user, item, other]))  # type: ignore[no-untyped-call]
            self.net.train()
            z = self._embed(nodes)
            self.net.eval()
        mine, yes, no = (z[torch.searchsorted(nodes, rows)] for rows in (user, item, other))
        right, wrong = self._link(mine, yes), self._link(mine, no)
        return cross_entropy(right, torch.ones_like(right)) + cross_entropy(wrong, torch.zeros_like(wrong))
