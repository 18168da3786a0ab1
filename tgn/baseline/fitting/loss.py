"""Losses over scores of pairs: squared, BPR, logistic with negatives, softmax over samples.

All take scores of taken pairs, [b], and of negatives of the same users, [b, k], and return a mean.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tgn.baseline.fitting.pyg import BPRLoss

_BPR = BPRLoss()


def squared(taken: Tensor, others: Tensor, target: Tensor | float = 1.0) -> Tensor:
    """Return the squared distance of taken pairs to `target`, 1 or a rating each, and of the others to 0."""
    return (taken - target).square().mean() + others.square().mean()


def bpr(taken: Tensor, others: Tensor) -> Tensor:
    """Return how unsurely taken pairs stand above each of their negatives.

    Source: Rendle et al., BPR: Bayesian Personalized Ranking from Implicit Feedback (2009), section 4.1; the
    logarithm as PyTorch Geometric's `BPRLoss` has it.
    """
    loss: Tensor = _BPR(taken[:, None], others)
    return loss


def logistic(taken: Tensor, others: Tensor) -> Tensor:
    """Return the cross-entropy of telling taken pairs from their negatives.

    Source: Mikolov et al., Distributed Representations of Words and Phrases (2013), equation 4: noise-contrastive
    estimation without the noise's density.
    """
    return -F.logsigmoid(taken).mean() - F.logsigmoid(-others).sum(dim=1).mean()


def nce(taken: Tensor, others: Tensor, log_taken: Tensor, log_others: Tensor) -> Tensor:
    """Return noise-contrastive estimation: logistic loss of scores less the log of k times their noise density.

    Source: Gutmann and Hyvärinen, Noise-contrastive estimation (2010), equation 3.

    Shapes:
        - log_taken: float32 [b]; log_others: float32 [b, k], the log density of each item as a negative
    """
    k = torch.log(torch.tensor(float(others.shape[1])))
    return logistic(taken - log_taken - k, others - log_others - k)


def softmax(taken: Tensor, others: Tensor) -> Tensor:
    """Return the cross-entropy of the taken item among itself and its negatives."""
    scores = torch.cat([taken[:, None], others], dim=1)
    return F.cross_entropy(scores, torch.zeros(scores.shape[0], dtype=torch.long))


def cost(weight: Tensor, rows: Tensor) -> Tensor:
    """Return the sum of squares of the rows, each as often as it is named, without gathering them: L2.

    Shapes:
        - weight: float32 [n, d]; rows: int64 [b]
    """
    return torch.bincount(rows, minlength=weight.shape[0]).to(weight.dtype) @ weight.square().sum(dim=1)


def margin(
    vectors: Tensor, users: Tensor, items: Tensor, others: Tensor, bias: Tensor | None = None
) -> Tensor:
    """Return BPR of products of vectors, against the negative of each pair that scores highest.

    Shapes:
        - vectors: float32 [n, d]; users, items: int64 [b], rows of them; others: int64 [b, k]
        - bias: float32 [n], added to the scores
    """
    user = F.embedding(users, vectors)  # [b, d]
    other = others[:, 0] if others.shape[1] == 1 else hardest(vectors, user, others, bias)
    above = (user * (F.embedding(items, vectors) - F.embedding(other, vectors))).sum(dim=1)
    if bias is not None:
        above = above + bias[items] - bias[other]
    return bpr(above, torch.zeros_like(above)[:, None])


def hardest(vectors: Tensor, user: Tensor, others: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return the negative of each pair that scores highest, int64 [b].

    Shapes:
        - vectors: float32 [n, d]; user: float32 [b, d]; others: int64 [b, k]; bias: float32 [n]
    """
    with torch.no_grad():
        score = torch.stack([(user * F.embedding(one, vectors)).sum(dim=1) for one in others.T], dim=1)
        if bias is not None:
            score += bias[others]
        return others.gather(1, score.argmax(dim=1, keepdim=True))[:, 0]
