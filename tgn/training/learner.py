"""The online learner: score, store, then learn, over rows of tables.

Item vectors keep learning from every sampled event, by a softmax over the items alive: without that a temporal
graph model adds nothing to counted features.  A step touches only the rows it drew, with Adam's moments kept
beside each row.  Past events are learned from again (kept in memory only, so a restart begins with none); they
see no node memory, because a past target is already inside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from tgn.inference.attention import bucket
from tgn.inference.layout import TgnSettings, used
from tgn.inference.user import dots
from tgn.network.embedding import initial, split, start_vectors, user_vector
from tgn.network.memory import Memory, gru
from tgn.training.loss import hard_loss, loss
from tgn.training.negative import Pool
from tgn.training.optimizer import adam, distinct, row_adam
from tgn.training.recovery import reset

KEPT = 4_096  # past events


class Learner:
    """Scores candidates and learns from what was taken.

    Args:
        tables: Arrays named as in `layout.layout`, written in place; rows never written are zero.
    """

    def __init__(self, tables: Mapping[str, np.ndarray], settings: TgnSettings) -> None:
        self.tables, self.settings = tables, settings
        self.memory = Memory(tables, settings)
        self.changed: dict[str, list[np.ndarray]] = {}
        self.past: list[tuple[np.ndarray, ...]] = []
        self.rng = np.random.default_rng(settings.seed)
        self.pool = Pool(tables, settings, self.rng)
        self.slot = np.zeros(tables["item_vector"].shape[0], np.int32)  # for `distinct`
        self.bare = np.zeros((self.slot.shape[0], 0), np.float32)  # explicit features of no columns
        self.load()

    def load(self) -> None:
        """Take the weights from the `net` row; draw them when it was never written."""
        row = self.tables["net"][0]
        if not row.any():
            row[:] = initial(self.settings)
        self._take()
        self.pool.load()
        self.past.clear()  # may name items that these tables do not hold

    def _take(self) -> None:
        self.flat = nn.Parameter(torch.from_numpy(self.tables["net"][0, : used(self.settings)].copy()))
        self.w = split(self.flat, self.settings)

    def dirty(self) -> dict[str, np.ndarray]:
        """Return the rows changed since the last call, by table."""
        out = {name: np.unique(np.concatenate(parts)) for name, parts in self.changed.items()}
        self.changed = {}
        return out

    def _touch(self, rows: np.ndarray, *names: str) -> None:
        for name in names:
            self.changed.setdefault(name, []).append(rows)

    def _hidden(self, user: np.ndarray) -> Tensor:
        """Return the users' memory, through its last update so that the GRU learns."""
        rows = np.maximum(user, 0)
        before = torch.from_numpy(self.tables["user_before"][rows])
        message = torch.from_numpy(self.tables["user_message"][rows])
        active = torch.from_numpy((self.tables["user_time"][rows] > 0) & (user >= 0))
        return gru(message, before, self.w) * active[:, None]

    def _seen(self, hist: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the distinct rows of the histories, int64 [S], and the histories as indices into them, int32 [n, K]."""
        found, index = np.empty(hist.size, np.int64), np.empty(hist.shape, np.int32)
        count = distinct(hist, self.slot, found, index)
        return found[:count], index

    def _columns_of(self, hist: np.ndarray, pool: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return each history item's column in a pool, int64 [n, K], and whether it has one, bool."""
        self.slot[pool] = np.arange(1, pool.shape[0] + 1)
        column = np.where(hist >= 0, self.slot[hist], 0).astype(np.int64) - 1
        self.slot[pool] = 0
        return torch.from_numpy(np.maximum(column, 0)), torch.from_numpy(column >= 0)

    def _column(self, side: str, rows: np.ndarray) -> Tensor:
        """Return explicit features float32 [n, columns], zero for row -1."""
        column = self.tables[f"{side}_column"][np.maximum(rows, 0)]
        return torch.from_numpy(column * (rows >= 0)[:, None].astype(np.float32))

    def _users(
        self,
        seen: np.ndarray,
        vectors: Tensor,
        index: np.ndarray,
        age: np.ndarray,
        user: np.ndarray,
        memory: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        w, extra = self.w, torch.zeros(2 * self.settings.dim)
        if memory is not None:
            vectors = vectors + torch.from_numpy(self.tables["item_memory"][seen]) @ w["from_item"]
            extra = extra + memory @ w["from_user"]
        if self.settings.columns:
            vectors = vectors + self._column("item", seen) @ w["from_item_column"]
            extra = extra + self._column("user", user) @ w["from_user_column"]
        return user_vector(vectors, index, bucket(age), extra, w)

    @torch.no_grad()
    def score_known(
        self, hist: np.ndarray, age: np.ndarray, user: np.ndarray, cand: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the score of each candidate as of now, and how much is known of it.

        Shapes:
            - hist: int32 [n, K], newest first, -1 where unused; age: int64 [n, K] ms
            - user: int32 [n], -1 for unknown; cand: int32 [n, C], -1 where unused
            - output: float32 [n, C] twice; known is 0 to 1, see `user.dots`
        """
        t, memory = self.tables, None
        if self.settings.node_memory:
            memory = torch.from_numpy(np.where(user[:, None] >= 0, t["user_memory"][np.maximum(user, 0)], 0))
        seen, index = self._seen(hist)
        users, again = self._users(seen, torch.from_numpy(t["item_vector"][seen]), index, age, user, memory)
        column, weight = self.bare, np.zeros((0, self.settings.dim + 1), np.float32)
        if self.settings.columns:
            column, weight = t["item_column"], self.w["output_item_column"].detach().numpy()
        trained = bool(t["net_moment"][0, -1] > 0)
        score, known = dots(
            users.numpy(), again.numpy(), hist, t["item_output"], column, weight, trained, cand
        )
        return score, known

    def score(
        self, hist: np.ndarray, age: np.ndarray, user: np.ndarray, cand: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the score of each candidate as of now, float32 [n, C], and whether anything is known of it."""
        score, known = self.score_known(hist, age, user, cand)
        return score, known > 0

    def step(self, hist: np.ndarray, age: np.ndarray, user: np.ndarray, item: np.ndarray) -> float:
        """Take one step towards the items taken and return the loss.

        A loss that is not finite moves nothing; rows and weights that are not finite, or huge, are reset.

        Shapes:
            - hist, age: as in `score`; user, item: int32 [n]
        """
        if item.shape[0] == 0:
            return math.nan
        fresh = self._alive(item)
        rows = (hist, age, user, item)
        batch: tuple[np.ndarray, ...] = rows
        if self.past and self.settings.replay:
            draw = self.rng.integers(0, len(self.past), self.settings.replay)
            batch = tuple(
                np.concatenate(parts) for parts in zip(rows, *(self.past[k] for k in draw), strict=True)
            )
        cost = self._step(batch[0], batch[1], batch[2], batch[3], fresh=item.shape[0])
        if math.isfinite(cost):
            taken, times = np.unique(item, return_counts=True)
            self.tables["item_output"][taken, -1] += times
            self.tables["item_output"][fresh, -1] -= 1  # a new row begins with one
        else:
            self._reset(np.unique(np.append(hist, item)), np.unique(user[user >= 0]))
        self._keep(rows)
        return cost

    def _reset(self, items: np.ndarray, users: np.ndarray) -> None:
        rows = np.union1d(items[items > 0], self.pool.alive)
        weights = self.flat.detach().numpy()
        changed = reset(self.tables, self.settings, weights, rows, users, self.pool.alive)
        for name, some in changed.items():
            self._touch(some, name)
        if "net" in changed:
            self._take()

    def _keep(self, rows: tuple[np.ndarray, ...]) -> None:
        parts = tuple(part.copy() for part in rows)
        if len(self.past) < max(1, KEPT // 256):
            self.past.append(parts)
        else:
            self.past[int(self.rng.integers(len(self.past)))] = parts

    def _alive(self, item: np.ndarray) -> np.ndarray:
        """Mark the items of new events as alive and recent; return those that were not alive."""
        t, dim, seed = self.tables, self.settings.dim, self.settings.seed
        fresh = self.pool.note(item)
        self._touch(np.zeros(1, np.int64), "recent")
        if fresh.shape[0]:
            t["item_output"][fresh] = 0
            t["item_output"][fresh, :dim] = start_vectors(fresh, dim, seed + 7)
            t["item_output"][fresh, -1] = 1
            bare = fresh[~t["item_vector"][fresh].any(1)]
            t["item_vector"][bare] = start_vectors(bare, dim, seed)
            self._touch(fresh, "item_output", "item_vector")
        return fresh

    def _loss(self, logits: Tensor, label: Tensor, pool: np.ndarray) -> tuple[float, Tensor]:
        s = self.settings
        noise = torch.from_numpy(self.pool.noise(pool)) if s.loss == "nce" else None
        if s.negatives == "hard":
            return hard_loss(s.loss, logits, label, noise, s.hard)
        return loss(s.loss, logits, label, noise)

    def _step(
        self, hist: np.ndarray, age: np.ndarray, user: np.ndarray, item: np.ndarray, fresh: int
    ) -> float:
        s, t = self.settings, self.tables
        pool = self.pool.draw(item)
        seen, index = self._seen(hist)
        vectors = torch.from_numpy(t["item_vector"][seen]).requires_grad_()
        memory = None
        if s.node_memory:
            memory = torch.cat([self._hidden(user[:fresh]), torch.zeros(user.shape[0] - fresh, s.memory)])
        users, again = self._users(seen, vectors, index, age, user, memory)
        output = torch.from_numpy(t["item_output"][pool][:, :-1])
        outcome = [users, again]
        if s.columns:
            outcome.append(self._column("item", pool) @ self.w["output_item_column"])
            output = output + outcome[2].detach()
        known = users.detach()
        logits = torch.addmm(output[:, -1], known, output[:, :-1].t())
        column, hit = self._columns_of(hist, pool)
        logits.scatter_add_(1, column, again.detach() * hit)
        cost, slope = self._loss(logits, torch.from_numpy(np.searchsorted(pool, item)), pool)
        if not math.isfinite(cost):
            return math.nan
        of_output = torch.cat([slope.t() @ known, slope.sum(0)[:, None]], 1)
        slopes = [slope @ output[:, :-1], slope.gather(1, column) * hit, of_output][: len(outcome)]
        of_net, of_vectors = torch.autograd.grad(outcome, [self.flat, vectors], slopes)
        norm = math.sqrt(sum(float(g.square().sum()) for g in (of_net, of_vectors, of_output)))
        if not math.isfinite(norm):
            return math.nan
        scale = min(1.0, s.clip / max(norm, 1e-12))
        self._move(of_net.numpy(), (seen, of_vectors.numpy()), (pool, of_output.numpy()), scale)
        return cost

    def _move(
        self,
        of_net: np.ndarray,
        of_vectors: tuple[np.ndarray, np.ndarray],
        of_output: tuple[np.ndarray, np.ndarray],
        scale: float,
    ) -> None:
        """Take a step against gradients: of the network, and of rows of both tables of vectors."""
        s, t = self.settings, self.tables
        steps = float(t["net_moment"][0, -1])
        rate = max(s.learning_rate_floor, s.learning_rate / (1 + steps / s.warm_steps))
        weights, decay = self.flat.detach().numpy(), s.weight_decay
        adam(weights, t["net_moment"][0], of_net, scale, s.network_rate * rate, decay)
        t["net"][0, : weights.shape[0]] = weights
        self._touch(np.zeros(1, np.int64), "net", "net_moment")
        moment = t["item_moment"]
        clock = moment.shape[1] - 2
        for name, (rows, gradient), at in (
            ("item_vector", of_vectors, 0),
            ("item_output", of_output, 2 * s.dim),
        ):
            row_adam(t[name], moment, rows, gradient, at, clock + (at > 0), scale, rate, decay)
            self._touch(rows[rows > 0], name, "item_moment")

    def drop(self, items: np.ndarray, users: int) -> None:
        """Forget evicted items, int64 [n]; clearing their rows of the tables is up to the caller.

        Args:
            users: User rows in use.
        """
        self.pool.drop(items)
        evicted = np.zeros(self.slot.shape[0], bool)
        evicted[items] = True
        kept = ([part[~evicted[parts[3]]] for part in parts] for parts in self.past)
        self.past = [tuple(parts) for parts in kept if parts[3].shape[0]]
        last = self.tables["user_last"]
        rows = np.flatnonzero(evicted[last[:users]])
        last[rows] = 0
        self._touch(rows, "user_last")

    def remember(
        self, user: np.ndarray, item: np.ndarray, t: np.ndarray, kind: np.ndarray, value: np.ndarray
    ) -> None:
        """Update the memory of the users and items of a batch.

        Shapes:
            - user, item: int32 [n]; t: int64 [n] ms; kind: int8 [n]; value: float32 [n]
        """
        if not self.settings.node_memory:
            return
        with torch.no_grad():
            users, items = self.memory.update(user, item, t, kind, value, self.w)
        self._touch(users, "user_memory", "user_before", "user_message", "user_time", "user_last")
        self._touch(items, "item_memory", "item_time")
