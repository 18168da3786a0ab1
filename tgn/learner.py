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

from tgn.embedding import initial, split, user_vector
from tgn.layout import TgnSettings, bucket
from tgn.loss import hard_loss, loss
from tgn.memory import Memory, gru
from tgn.pool import Pool
from tgn.row import adam, distinct, row_adam

KEPT = 4_096  # past events
HUGE = 1e9


def start_vectors(rows: np.ndarray, dim: int, seed: int) -> np.ndarray:
    """Return first vectors of item rows, float32 [n, dim], from (seed, row) alone."""
    with np.errstate(over="ignore"):
        place = rows.astype(np.uint64)[:, None] * np.uint64(2 * dim) + np.arange(2 * dim, dtype=np.uint64)
        z: np.ndarray = (place + np.uint64(seed + 1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    u = ((z >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
    normal = np.sqrt(-2 * np.log(u[:, :dim])) * np.cos(2 * np.pi * u[:, dim:])
    vectors: np.ndarray = (0.1 * normal).astype(np.float32)
    return vectors


def _sane(rows: np.ndarray) -> np.ndarray:
    """Return which rows hold only finite numbers of a size that sums of squares can bear, bool [n]."""
    sane: np.ndarray = (np.abs(rows) < HUGE).all(1)
    return sane


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
        self.place = np.zeros(tables["item_vector"].shape[0], np.int32)  # for `distinct`
        self.load()

    def load(self) -> None:
        """Take the weights from the `net` row; draw them when it was never written."""
        row = self.tables["net"][0]
        if not row.any():
            row[:] = initial(self.settings)
        self._take()
        self.pool.load()
        self.past.clear()  # may name items these tables have not

    def _take(self) -> None:
        self.flat = nn.Parameter(torch.from_numpy(self.tables["net"][0].copy()))
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
        had = torch.from_numpy((self.tables["user_time"][rows] > 0) & (user >= 0))
        return gru(message, before, self.w) * had[:, None]

    def _seen(self, hist: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows in any history, int64 [S], and each place's number among them, int32 [n, K]."""
        found, index = np.empty(hist.size, np.int64), np.empty(hist.shape, np.int32)
        count = distinct(hist, self.place, found, index)
        return found[:count], index

    def _users(
        self, seen: np.ndarray, vectors: Tensor, index: np.ndarray, age: np.ndarray, memory: Tensor
    ) -> Tensor:
        vectors = vectors + torch.from_numpy(self.tables["item_memory"][seen]) @ self.w["from_item"]
        return user_vector(vectors, index, bucket(age), memory @ self.w["from_user"], self.w)

    @torch.no_grad()
    def score(
        self, hist: np.ndarray, age: np.ndarray, user: np.ndarray, cand: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the score of each candidate as of now, and whether it has been learned.

        Shapes:
            - hist: int32 [n, K], newest first, -1 where unused; age: int64 [n, K] ms
            - user: int32 [n], -1 for unknown; cand: int32 [n, C], -1 where unused
            - output: float32 [n, C], bool [n, C]
        """
        d = self.settings.dim
        memory = torch.from_numpy(
            np.where(user[:, None] >= 0, self.tables["user_memory"][np.maximum(user, 0)], 0)
        )
        seen, index = self._seen(hist)
        users = self._users(seen, torch.from_numpy(self.tables["item_vector"][seen]), index, age, memory)
        output = self.tables["item_output"][np.maximum(cand, 0)]
        score = torch.einsum("nd,ncd->nc", users, torch.from_numpy(output[..., :d])).numpy() + output[..., d]
        return score, (output[..., d + 1] > 0) & (cand >= 0)

    def step(self, hist: np.ndarray, age: np.ndarray, user: np.ndarray, item: np.ndarray) -> float:
        """Take one step towards the items taken and return the loss.

        A loss that is not finite moves nothing; numbers it met that are not finite, or huge, start afresh.

        Shapes:
            - hist, age: as in `score`; user, item: int32 [n]
        """
        if item.shape[0] == 0:
            return math.nan
        self._alive(item)
        rows = (hist, age, user, item)
        n = item.shape[0]
        batch: tuple[np.ndarray, ...] = rows
        if self.past and self.settings.replay:
            draw = self.rng.integers(0, len(self.past), self.settings.replay)
            batch = tuple(
                np.concatenate(parts) for parts in zip(rows, *(self.past[k] for k in draw), strict=True)
            )
        loss = self._step(batch[0], batch[1], batch[2], batch[3], fresh=n)
        if not math.isfinite(loss):
            self._heal(np.unique(np.append(hist, item)), np.unique(user[user >= 0]))
        self._keep(rows)
        return loss

    def _heal(self, items: np.ndarray, users: np.ndarray) -> None:
        """Start afresh what no arithmetic can use: weights, items in use, memories of these users."""
        s, t = self.settings, self.tables
        if not (_sane(self.flat.detach().numpy()[None]).all() and _sane(t["net_moment"]).all()):
            t["net"][0], t["net_moment"][0] = initial(s), 0
            self._take()
            self._touch(np.zeros(1, np.int64), "net", "net_moment")
        rows = np.union1d(items[items > 0], self.pool.alive)
        names = ("item_vector", "item_output", "item_moment", "item_memory")
        bad = rows[~np.logical_and.reduce([_sane(t[name][rows]) for name in names])]
        known = bad[np.isin(bad, self.pool.alive)]
        for name in names:
            t[name][bad] = 0
        t["item_vector"][bad] = start_vectors(bad, s.dim, s.seed)
        t["item_output"][known, : s.dim] = start_vectors(known, s.dim, s.seed + 7)
        t["item_output"][known, -1] = 1
        self._touch(bad, *names)
        for name in ("user_before", "user_message", "user_memory"):
            bad = users[~_sane(t[name][users])]
            t[name][bad] = 0
            self._touch(bad, name)

    def _keep(self, rows: tuple[np.ndarray, ...]) -> None:
        parts = tuple(part.copy() for part in rows)
        if len(self.past) < max(1, KEPT // 256):
            self.past.append(parts)
        else:
            self.past[int(self.rng.integers(len(self.past)))] = parts

    def _alive(self, item: np.ndarray) -> None:
        """Note the items of fresh events: they are alive from now on, and recent."""
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
        memory = torch.cat([self._hidden(user[:fresh]), torch.zeros(user.shape[0] - fresh, s.memory)])
        users = self._users(seen, vectors, index, age, memory)
        output = torch.from_numpy(t["item_output"][pool])
        known = users.detach()
        logits = torch.addmm(output[:, s.dim], known, output[:, : s.dim].t())
        total, slope = self._loss(logits, torch.from_numpy(np.searchsorted(pool, item)), pool)
        if not math.isfinite(total):
            return math.nan
        of_net, of_vectors = torch.autograd.grad(users, [self.flat, vectors], slope @ output[:, : s.dim])
        of_output = torch.cat([slope.t() @ known, slope.sum(0)[:, None]], 1)
        norm = math.sqrt(sum(float(g.square().sum()) for g in (of_net, of_vectors, of_output)))
        if not math.isfinite(norm):
            return math.nan
        self._move(
            of_net.numpy(),
            (seen, of_vectors.numpy()),
            (pool, of_output.numpy()),
            min(1.0, s.clip / max(norm, 1e-12)),
        )
        return total

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
        t["net"][0] = weights
        self._touch(np.zeros(1, np.int64), "net", "net_moment")
        moment = t["item_moment"]
        clock = moment.shape[1] - 2
        for name, (rows, gradient), at in (
            ("item_vector", of_vectors, 0),
            ("item_output", of_output, 2 * s.dim),
        ):
            row_adam(t[name], moment, rows, gradient, at, clock + (at > 0), scale, rate, decay)
            self._touch(rows[rows > 0], name, "item_moment")

    def remember(
        self, user: np.ndarray, item: np.ndarray, t: np.ndarray, kind: np.ndarray, value: np.ndarray
    ) -> None:
        """Let a batch of events reach the memory of its users and items.

        Shapes:
            - user, item: int32 [n]; t: int64 [n] ms; kind: int8 [n]; value: float32 [n]
        """
        with torch.no_grad():
            users, items = self.memory.update(user, item, t, kind, value, self.w)
        self._touch(users, "user_memory", "user_before", "user_message", "user_time", "user_last")
        self._touch(items, "item_memory", "item_time")
