import math

import pytest
import torch

from tgn.baseline.fitting import loss


def test_bpr_asks_how_far_a_taken_item_stands_above_the_other() -> None:
    found = loss.bpr(torch.tensor([2.0]), torch.tensor([[0.5, 1.0]]))

    expected = (math.log1p(math.exp(-1.5)) + math.log1p(math.exp(-1.0))) / 2
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_squared_loss_is_nothing_where_scores_are_the_ratings() -> None:
    rating = torch.tensor([4.0, 2.0])

    assert float(loss.squared(rating, torch.zeros(2, 3), rating)) == 0.0
    assert float(loss.squared(rating, torch.ones(2, 3), rating)) == 1.0


def test_softmax_over_equal_scores_is_the_log_of_how_many_there_are() -> None:
    found = loss.softmax(torch.zeros(5), torch.zeros(5, 3))

    assert float(found) == pytest.approx(math.log(4), rel=1e-5)


def test_nce_is_least_where_scores_are_the_log_densities_of_the_data() -> None:
    """Two items, taken in shares of .8 and .2, drawn uniformly as noise: its gradient vanishes there alone."""
    taken = torch.tensor([0] * 8 + [1] * 2)
    others = torch.tensor([[0, 1]] * 10)
    noise = torch.log(torch.tensor([0.5, 0.5]))

    def slope(share: float) -> float:
        score = torch.log(torch.tensor([share, 1 - share])).requires_grad_()
        loss.nce(score[taken], score[others], noise[taken], noise[others]).backward()
        assert score.grad is not None
        return float(score.grad[0])

    assert slope(0.8) == pytest.approx(0.0, abs=1e-6)
    assert slope(0.7) < 0 < slope(0.9)


def test_the_negative_that_scores_highest_is_learned_against() -> None:
    vectors = torch.tensor([[1.0, 0.0], [3.0, 0.0], [1.0, 0.0], [2.0, 9.0]])
    users, items, others = torch.tensor([0]), torch.tensor([1]), torch.tensor([[2, 3]])

    assert loss.hardest(vectors, vectors[users], others).tolist() == [3]
    assert loss.hardest(vectors, vectors[users], others, torch.tensor([0, 0, 5.0, 0])).tolist() == [2]
    found = loss.margin(vectors, users, items, others)
    assert float(found) == pytest.approx(math.log1p(math.exp(-1.0)), rel=1e-5)


def test_the_cost_of_rows_counts_each_as_often_as_it_is_named() -> None:
    weight = torch.tensor([[1.0, 2.0], [3.0, 0.0]], requires_grad=True)
    rows = torch.tensor([0, 1, 1])

    found = loss.cost(weight, rows)

    torch.testing.assert_close(found, weight[rows].square().sum())
