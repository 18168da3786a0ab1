"""Losses over one item that was taken and many that were not, with their gradients written out.

    softmax   -log of the taken item's share of exp(score), among all items of the pool
    bpr       -log sigmoid(score taken - score of another), mean over the others of the pool
    nce       taken or noise: -log sigmoid of (score - log of how often noise gives the item), for the taken item
              as taken and for each other one as noise; the score becomes the log of the item's own chance

Source: Rendle et al., BPR: Bayesian Personalized Ranking from Implicit Feedback (2009), section 4.1; Gutmann and
Hyvärinen, Noise-Contrastive Estimation (2010), section 2.2; Mnih and Kavukcuoglu, Learning word embeddings
efficiently with noise-contrastive estimation (2013), section 3.  Hard negatives follow Zhang et al., Optimizing
Top-N Collaborative Filtering via Dynamic Negative Item Sampling (2013), with the best of a whole pool in place of
the best of a few draws.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tgn.inference.layout import Loss

FAR = 60.0  # loss beyond which a taken item's share is taken apart in logarithms


def loss(name: Loss, logits: Tensor, label: Tensor, noise: Tensor | None = None) -> tuple[float, Tensor]:
    """Return the loss of n events, summed, and its gradient by the logits, which may be written over.

    Shapes:
        - logits: float32 [n, P]; label: int64 [n], the column of the taken item
        - noise: float32 [P] or [n, P], log of how often a pool is expected to hold the item; for nce
        - gradient: float32 [n, P]
    """
    width, at = logits.shape[1], label[:, None]
    if name == "softmax":
        share = torch.softmax(logits, 1)
        cost = share.gather(1, at).log_().neg_()
        far = (cost[:, 0] > FAR).nonzero()[:, 0]  # the share is not exact
        if far.shape[0]:
            some = logits[far]
            cost[far] = some.logsumexp(1, keepdim=True) - some.gather(1, at[far])
        share.scatter_add_(1, at, share.new_full((1, 1), -1).expand_as(at))
        return float(cost.sum()), share
    if name == "bpr":
        behind = logits - logits.gather(1, at)
        cost = nn.functional.softplus(behind).scatter_(1, at, 0.0)
        others = max(width - 1, 1)
        gradient = behind.sigmoid_().scatter_(1, at, 0.0).div_(others)
        return float(cost.sum()) / others, gradient.scatter_(1, at, -gradient.sum(1, keepdim=True))
    clean = logits if noise is None else logits - noise
    cost = nn.functional.softplus(clean)
    gradient = clean.sigmoid()
    gradient.scatter_add_(1, at, torch.full_like(at, -1, dtype=gradient.dtype))
    return float(cost.sum() - clean.gather(1, at).sum()), gradient


def hard_loss(
    name: Loss, logits: Tensor, label: Tensor, noise: Tensor | None, keep: int
) -> tuple[float, Tensor]:
    """Return `loss` of each event's taken item against the `keep` others of the highest score."""
    at = label[:, None]
    keep = min(keep, logits.shape[1] - 1)
    best = logits.scatter(1, at, -torch.inf).topk(keep, 1).indices
    columns = torch.cat([at, best], 1)
    some = None if noise is None else noise[columns]
    total, gradient = loss(name, logits.gather(1, columns), torch.zeros_like(label), some)
    return total, torch.zeros_like(logits).scatter_(1, columns, gradient)
