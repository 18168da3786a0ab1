"""The online learner: score, store, then learn, over rows of tables.

Item vectors keep learning from every sampled event, by a softmax over the items alive: without that a temporal
graph model adds nothing to counted features.  A step touches only the rows it drew, with Adam's moments kept
beside each row.  Past events are learned from again, unless events wait (they are kept in memory only, so a restart
begins with none); they see no node memory, because a past target is already inside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from tgn.inference.attention import bucket
from tgn.inference.layout import TgnSettings, used
from tgn.inference.user import dots
from tgn.network.embedding import UserVector, initial, split, start_vectors
from tgn.network.memory import Gru, Memory
from tgn.training.change import Changes
from tgn.training.contrast import Contrast, places
from tgn.training.negative import Pool
from tgn.training.optimizer import adam, count, distinct, row_adam
from tgn.training.recovery import reset

KEPT = 4_096  # past events


class Gradient(NamedTuple):
    """The gradient of a step's mean loss."""

    net: np.ndarray  # float32 [weights in use]
    seen: np.ndarray  # int64 [S], items of the histories
    vectors: np.ndarray  # float32 [S, d], by their vectors
    pool: np.ndarray  # int64 [P], items scored
    output: np.ndarray  # float32 [P, d + 1], by their output vectors and biases


class Learner:
    """Scores candidates and learns from what was taken.

    Args:
        tables: Arrays named as in `layout.layout`, written in place; rows never written are zero.
    """

    def __init__(self, tables: Mapping[str, np.ndarray], settings: TgnSettings) -> None:
        self.tables, self.settings = tables, settings
        self.memory = Memory(tables, settings)
        self.past: list[tuple[np.ndarray, ...]] = []
        self.rng = np.random.default_rng(settings.seed)
        self.pool = Pool(tables, settings, self.rng)
        self.contrast = Contrast(settings)
        self.slot = np.zeros(tables["item_vector"].shape[0], np.int32)  # for `distinct`
        self.changes = Changes({"item": self.slot, "user": self.memory.slot["user"]})
        self.bare = np.zeros((self.slot.shape[0], 0), np.float32)  # explicit features of no columns
        self.load()

    def load(self) -> None:
        """Take the weights from the `net` row; draw them when it was never written."""
        row = self.tables["net"][0]
        if not row.any():
            row[:] = initial(self.settings)
        self.flat = row[: used(self.settings)]
        self.w = split(torch.from_numpy(self.flat), self.settings)
        self.pool.load()
        self.past.clear()  # may name items that these tables do not hold

    def dirty(self) -> dict[str, np.ndarray]:
        """Return the rows changed since the last call, by table, each once."""
        return self.changes.take()

    def _seen(self, hist: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the distinct rows of the histories, int64 [S], and the histories as indices into them, int32 [n, K]."""
        found, index = np.empty(hist.size, np.int64), np.empty(hist.shape, np.int32)
        count = distinct(hist, self.slot, found, index)
        return found[:count], index

    def _column(self, side: str, rows: np.ndarray) -> Tensor:
        """Return explicit features float32 [n, columns], zero for row -1."""
        column = self.tables[f"{side}_column"][np.maximum(rows, 0)]
        return torch.from_numpy(column * (rows >= 0)[:, None].astype(np.float32))

    def _users(
        self,
        seen: np.ndarray,
        index: np.ndarray,
        buckets: np.ndarray,
        user: np.ndarray,
        memory: Tensor | None,
    ) -> UserVector:
        """Return the users' vectors, of which the first have these memories and the rest none."""
        w, extra = self.w, None
        vectors = torch.from_numpy(self.tables["item_vector"][seen])
        if memory is not None:
            vectors.addmm_(torch.from_numpy(self.tables["item_memory"][seen]), w["from_item"])
            extra = torch.zeros(user.shape[0], 2 * self.settings.dim)
            torch.mm(memory, w["from_user"], out=extra[: memory.shape[0]])
        if self.settings.columns:
            vectors.addmm_(self._column("item", seen), w["from_item_column"])
            more = self._column("user", user) @ w["from_user_column"]
            extra = more if extra is None else extra.add_(more)
        return UserVector(vectors, index, buckets, extra, w)

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
        found = self._users(seen, index, bucket(age), user, memory)
        column, weight = self.bare, np.zeros((0, self.settings.dim + 1), np.float32)
        if self.settings.columns:
            column, weight = t["item_column"], self.w["output_item_column"].numpy()
        trained = bool(t["net_moment"][0, -1] > 0)
        score, known = dots(
            found.users.numpy(), found.again.numpy(), hist, t["item_output"], column, weight, trained, cand
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
        rows = (hist, bucket(age), user, item)
        batch: tuple[np.ndarray, ...] = rows
        if self.past and self.settings.replay and not self.pool.hurried:
            draw = self.rng.integers(0, len(self.past), self.settings.replay)
            batch = tuple(
                np.concatenate(parts) for parts in zip(rows, *(self.past[k] for k in draw), strict=True)
            )
        cost = self._step(batch[0], batch[1], batch[2], batch[3], fresh=item.shape[0])
        if math.isfinite(cost):
            count(self.tables["item_output"], item)
            self.tables["item_output"][fresh, -1] -= 1  # a new row begins with one
        else:
            self._reset(np.unique(np.append(hist, item)), np.unique(user[user >= 0]))
        self._keep(rows)
        return cost

    def _reset(self, items: np.ndarray, users: np.ndarray) -> None:
        rows = np.union1d(items[items > 0], self.pool.alive)
        changed = reset(self.tables, self.settings, self.flat, rows, users, self.pool.alive)
        for name, some in changed.items():
            self.changes.touch(some, name)

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
        self.changes.touch(np.zeros(1, np.int64), "recent")
        if fresh.shape[0]:
            t["item_output"][fresh] = 0
            t["item_output"][fresh, :dim] = start_vectors(fresh, dim, seed + 7)
            t["item_output"][fresh, -1] = 1
            bare = fresh[~t["item_vector"][fresh].any(1)]
            t["item_vector"][bare] = start_vectors(bare, dim, seed)
            self.changes.touch(fresh, "item_output", "item_vector")
        return fresh

    def _step(
        self, hist: np.ndarray, buckets: np.ndarray, user: np.ndarray, item: np.ndarray, fresh: int
    ) -> float:
        cost, found = self.gradient(hist, buckets, user, item, fresh)
        if found is None:
            return math.nan
        norm = math.sqrt(sum(float(np.vdot(part, part)) for part in (found.net, found.vectors, found.output)))
        if not math.isfinite(norm):
            return math.nan
        self._move(found, min(1.0, self.settings.clip / max(norm, 1e-12)))
        return cost

    def gradient(
        self, hist: np.ndarray, buckets: np.ndarray, user: np.ndarray, item: np.ndarray, fresh: int
    ) -> tuple[float, Gradient | None]:
        """Return the mean loss of n events and its gradient; none where the loss is not finite.

        Args:
            fresh: So many events, from the first, see the memory of their users.

        Shapes:
            - hist, user, item: as in `step`, the items alive; buckets: int64 [n, K], log-age buckets
        """
        s, t = self.settings, self.tables
        pool = self.pool.draw(item)
        seen, index = self._seen(hist)
        gru, active = self._hidden(user[:fresh]) if s.node_memory else (None, None)
        memory = None if gru is None or active is None else gru.after * active
        found = self._users(seen, index, buckets, user, memory)
        output = torch.from_numpy(t["item_output"].take(pool, 0)[:, :-1])
        explicit = self._column("item", pool) if s.columns else None
        if explicit is not None:
            output = torch.addmm(output, explicit, self.w["output_item_column"])
        column, label = np.empty(hist.shape, np.int32), np.empty(item.shape, np.int64)
        places(pool, hist, item, self.slot, column, label)
        noise = torch.from_numpy(self.pool.noise(pool)) if s.loss == "nce" else None
        cost, slopes = self.contrast(found.users, found.again, output, column, label, noise)
        if not math.isfinite(cost):
            return cost, None
        of_net = torch.zeros(self.flat.shape[0])
        g = split(of_net, s)
        of_vectors, of_extra = found.back(slopes.users, slopes.again, g)
        if memory is not None and gru is not None and active is not None:
            g["from_item"].addmm_(torch.from_numpy(t["item_memory"][seen]).t(), of_vectors)
            g["from_user"].addmm_(memory.t(), of_extra[:fresh])
            gru.back((of_extra[:fresh] @ self.w["from_user"].t()) * active, g)
        if explicit is not None:
            g["from_item_column"].addmm_(self._column("item", seen).t(), of_vectors)
            g["from_user_column"].addmm_(self._column("user", user).t(), of_extra)
            g["output_item_column"].addmm_(explicit.t(), slopes.output)
        return cost, Gradient(of_net.numpy(), seen, of_vectors.numpy(), pool, slopes.output.numpy())

    def _hidden(self, user: np.ndarray) -> tuple[Gru, Tensor]:
        """Return the last update of the users' memories, so that the GRU learns, and who has one, float32 [n, 1]."""
        rows = np.maximum(user, 0)
        before = torch.from_numpy(self.tables["user_before"][rows])
        message = torch.from_numpy(self.tables["user_message"][rows])
        active = (self.tables["user_time"][rows] > 0) & (user >= 0)
        return Gru(message, before, self.w), torch.from_numpy(active.astype(np.float32)[:, None])

    def _move(self, gradient: Gradient, scale: float) -> None:
        """Take a step against a gradient times `scale`: of the network, and of rows of both tables of vectors."""
        s, t = self.settings, self.tables
        steps = float(t["net_moment"][0, -1])
        rate = max(s.learning_rate_floor, s.learning_rate / (1 + steps / s.warm_steps))
        decay = s.weight_decay
        adam(self.flat, t["net_moment"][0], gradient.net, scale, s.network_rate * rate, decay)
        self.changes.touch(np.zeros(1, np.int64), "net", "net_moment")
        moment = t["item_moment"]
        clock = moment.shape[1] - 2
        for name, rows, slopes, at in (
            ("item_vector", gradient.seen, gradient.vectors, 0),
            ("item_output", gradient.pool, gradient.output, 2 * s.dim),
        ):
            row_adam(t[name], moment, rows, slopes, at, clock + (at > 0), scale, rate, decay)
            self.changes.touch(rows[rows > 0], name, "item_moment")

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
        self.changes.touch(rows, "user_last")

    def remember(
        self, user: np.ndarray, item: np.ndarray, t: np.ndarray, kind: np.ndarray, value: np.ndarray
    ) -> None:
        """Update the memory of the users and items of a batch.

        Shapes:
            - user, item: int32 [n]; t: int64 [n] ms; kind: int8 [n]; value: float32 [n]
        """
        if not self.settings.node_memory:
            return
        users, items = self.memory.update(user, item, t, kind, value, self.w)
        self.changes.touch(users, "user_memory", "user_before", "user_message", "user_time", "user_last")
        self.changes.touch(items, "item_memory", "item_time")
