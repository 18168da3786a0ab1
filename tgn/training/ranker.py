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

from tgn.inference.ranker import HIDDEN, SCORES, unpack
from tgn.training.optimizer import descend
from tgn.training.perceptron import Perceptron

AVERAGE = 0.995  # share of the running mean that stays, a step


class RankerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the ranker learns.  Rates are per step; the rate falls with the root of the steps, to its floor."""

    learning_rate: float = 5e-3
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
        self.weight = moment[2 * row.shape[0] : -1]
        self.perceptron = Perceptron(features)
        self.load()

    def load(self) -> None:
        """Take the weights from the row; draw them when the row was never written."""
        if not self.row.any():
            rng = np.random.default_rng(self.settings.seed)
            w1, _, w2, _, _, _ = unpack(self.row, self.features)
            w1[:] = rng.normal(0, math.sqrt(1.0 / (self.features + SCORES)), w1.shape)
            w1[self.features :] *= 0.1
            w2[:] = rng.normal(0, math.sqrt(2.0 / HIDDEN), w2.shape)
        if not self.weight.any():
            self.weight[:] = self.row

    @property
    def steps(self) -> int:
        """The number of steps taken so far."""
        return int(self.moment[-1])

    def score(self, x: np.ndarray, tgn: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
        """Return scores float32 [n, C], zero where there is no candidate.

        Shapes:
            - x: float32 [n, C, F]; tgn: float32 [n, C, 6]
            - valid: bool [n, C], where a candidate is; all where it is left out
        """
        used = np.ones(x.shape[:2], np.bool_) if valid is None else valid
        return self.perceptron.score(self.row, x, tgn, used)

    def step(self, x: np.ndarray, tgn: np.ndarray, log_weight: np.ndarray, label: np.ndarray) -> float:
        """Take one step towards ranking `label` first and return the loss; one that is not finite changes nothing.

        Shapes:
            - x: float32 or float16 [n, C, F]; tgn: float32 or float16 [n, C, 6]
            - log_weight: float32 [n, C], how many items each stands for, -inf where there is none
            - label: int64 [n]
        """
        loss, gradient = self.perceptron.gradient(self.weight, x, tgn, log_weight, label)
        norm = math.sqrt(float(gradient @ gradient))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            return math.nan
        s, size = self.settings, self.row.shape[0]
        self.moment[-1] += 1
        n = float(self.moment[-1])
        rate = max(s.learning_rate_floor, s.learning_rate / math.sqrt(1 + n / s.warm_steps))
        rate *= min(1.0, n / 20)
        m, v = self.moment[:size], self.moment[size : 2 * size]
        scale = np.float32(min(1.0, s.clip / max(norm, 1e-12)))
        descend(self.weight, m, v, gradient, scale, n, rate, s.weight_decay)
        self.row += np.float32(1 - min(AVERAGE, n / (n + 10))) * (self.weight - self.row)
        return loss
