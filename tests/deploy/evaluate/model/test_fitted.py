"""Fitted models over a whole log: what they were fitted on is not learned twice."""

import numpy as np

from deploy.evaluate.model.fitted import Later


class Counting:
    """Scores an item by how often it was learned."""

    name = "counting"

    def __init__(self) -> None:
        self.count = np.zeros(3)

    def score(self, user: int, t: int) -> np.ndarray:
        return self.count.copy()

    def learn(self, user: int, item: int, t: int) -> None:
        self.count[item] += 1


def test_a_fitted_model_learns_only_what_comes_after_its_training() -> None:
    model = Later(Counting(), events=2)

    for t, item in enumerate([0, 1, 2, 1]):
        model.learn(0, item, t)

    assert model.score(0, 4).tolist() == [0, 1, 1]
