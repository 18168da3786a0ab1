"""The learned ranker: an MLP over counted features and learned scores, added to the fixed blend.

    score = blend + MLP([features, temporal score, slow score]) + alpha · [temporal score, slow score]

The last layer and alpha start at zero, so a fresh ranker is the blend.  It is trained with a softmax over
one taken item and the candidates that were not taken; items drawn at random stand for all others and carry
the log of how many they stand for.  The temporal scores it sees were stored before they were learned from.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import torch
from torch import nn

from tgn.inference.ranker import BLEND, EACH, HIDDEN, SCORES, shapes, unpack, width

TOGETHER = 8  # samples scored at once: a layer of theirs fits a core's cache
AVERAGE = 0.99  # share of the running mean that stays, a step


class RankerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the ranker learns.  Rates are per step; the rate falls with the root of the steps, to its floor."""

    learning_rate: float = 3e-3
    learning_rate_floor: float = 5e-4
    warm_steps: int = 100
    weight_decay: float = 1e-4
    clip: float = 5.0
    seed: int = 0


class Ranker:
    """Trains the weight row that `tgn.inference.ranker.Forward` reads.

    Args:
        row: float32 [width(F)], the weights that score: a running mean of those that are trained, written in
            place after every step; all zero means untrained.
        moment: float32 [3 * width(F) + 1], Adam's moments, the weights being trained, and the step count.
        features: F, counted features.
    """

    def __init__(self, row: np.ndarray, moment: np.ndarray, features: int, settings: RankerSettings) -> None:
        self.row, self.moment, self.features, self.settings = row, moment, features, settings
        self.weight = nn.Parameter(torch.zeros(width(features)))
        self.load()

    def load(self) -> None:
        """Take the weights from the row; draw them when the row was never written."""
        if not self.row.any():
            rng = np.random.default_rng(self.settings.seed)
            w1, _, w2, _, _, _ = unpack(self.row, self.features)
            w1[:] = rng.normal(0, math.sqrt(1.0 / (self.features + SCORES)), w1.shape)
            w1[self.features :] *= 0.1
            w2[:] = rng.normal(0, math.sqrt(2.0 / HIDDEN), w2.shape)
        with torch.no_grad():
            raw = self.moment[2 * self.row.shape[0] : -1]
            self.weight.copy_(torch.from_numpy(raw if raw.any() else self.row))

    @property
    def steps(self) -> int:
        """The number of steps taken so far."""
        return int(self.moment[-1])

    def _forward(self, weight: torch.Tensor, x: torch.Tensor, tgn: torch.Tensor) -> torch.Tensor:
        forms = shapes(self.features)
        flat = torch.split(weight, [math.prod(form) for form in forms])
        w1, b1, w2, b2, w3, alpha = (part.view(form) for part, form in zip(flat, forms, strict=True))
        hidden = torch.relu(x @ w1[: self.features] + tgn @ w1[self.features :] + b1)
        hidden = torch.relu(hidden @ w2 + b2)
        scores = alpha[0] * tgn[..., 0] + alpha[1] * tgn[..., EACH]
        return x[..., BLEND] * 4 + hidden @ w3 + scores * 4

    def score(self, x: np.ndarray, tgn: np.ndarray) -> np.ndarray:
        """Return scores float32 [n, C] for features [n, C, F] and learned scores [n, C, 6]."""
        row, out = torch.from_numpy(self.row), np.empty(x.shape[:2], np.float32)
        with torch.no_grad():
            for at in range(0, x.shape[0], TOGETHER):
                some = slice(at, at + TOGETHER)
                out[some] = self._forward(row, torch.from_numpy(x[some]), torch.from_numpy(tgn[some])).numpy()
        return out

    def step(self, x: np.ndarray, tgn: np.ndarray, log_weight: np.ndarray, label: np.ndarray) -> float:
        """Take one step towards ranking `label` first; a loss that is not finite changes nothing.

        Shapes:
            - x: float32 [n, C, F]; tgn: float32 [n, C, 6]
            - log_weight: float32 [n, C], how many items each stands for, -inf where there is none
            - label: int64 [n]
        """
        keep = torch.from_numpy(np.isfinite(log_weight))
        scores = self._forward(self.weight, torch.from_numpy(x)[keep], torch.from_numpy(tgn)[keep])
        full = torch.full(keep.shape, -1e9).masked_scatter(keep, scores + torch.from_numpy(log_weight)[keep])
        loss = nn.functional.cross_entropy(full, torch.from_numpy(label))
        if not torch.isfinite(loss):
            return float("nan")
        (gradient,) = torch.autograd.grad(loss, self.weight)
        self._adam(gradient)
        return float(loss.detach())

    def _adam(self, gradient: torch.Tensor) -> None:
        s = self.settings
        size = self.row.shape[0]
        norm = float(gradient.norm())
        if not math.isfinite(norm):
            return
        if norm > s.clip:
            gradient = gradient * (s.clip / norm)
        self.moment[-1] += 1
        n = float(self.moment[-1])
        m, v = torch.from_numpy(self.moment[:size]), torch.from_numpy(self.moment[size : 2 * size])
        m.lerp_(gradient, 0.1)
        v.lerp_(gradient * gradient, 0.01)
        rate = max(s.learning_rate_floor, s.learning_rate / math.sqrt(1 + n / s.warm_steps)) * min(
            1.0, n / 20
        )
        with torch.no_grad():
            self.weight.mul_(1 - rate * s.weight_decay)
            self.weight.sub_(rate * (m / (1 - 0.9**n)) / ((v / (1 - 0.99**n)).sqrt() + 1e-8))
        raw = self.weight.detach().numpy()
        self.moment[2 * size : -1] = raw
        self.row += (1 - min(AVERAGE, n / (n + 10))) * (raw - self.row)
