"""PyTorch Geometric's layers and models, imported without the warning that its own import causes."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # It scripts a class of its own while it is imported, which PyTorch warns of.
    warnings.simplefilter("ignore", DeprecationWarning)
    import torch_geometric.nn as nn
    from torch_geometric.nn.models.lightgcn import BPRLoss

__all__ = ["BPRLoss", "nn"]
