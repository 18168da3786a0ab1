"""Every model that is fitted, by name; a model's file, and torch with it, is imported when the model is made."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module

from tgn.baseline.contract import Model

PLACES = {  # module and what in it makes the model, called with no argument
    "mf": "factor.mf:Mf",
    "mf-bpr": "factor.mf_bpr:MfBpr",
    "mf-side": "factor.mf_side:MfSide",
    "tensor": "factor.tensor:TensorFactor",
    "line": "factor.line:Line",
    "two-tower": "factor.two_tower:TwoTower",
    "deepwalk": "walk.deepwalk:DeepWalk",
    "node2vec": "walk.node2vec:Node2Vec",
    "gcn": "graph.gcn:Gcn",
    "ngcf": "graph.ngcf:Ngcf",
    "lightgcn": "graph.lightgcn:LightGcn",
    "gat": "graph.gat:Gat",
    "graphsage": "graph.graphsage:GraphSage",
    "pinsage": "graph.pinsage:PinSage",
    "social-gcn": "graph.social_gcn:SocialGcn",
    "social-gcn-no-trust": "graph.social_gcn:without_trust",
    "hetero-gcn": "graph.hetero_gcn:HeteroGcn",
}


def _make(place: str) -> Model:
    module, _, made = place.partition(":")
    model: Model = getattr(import_module(f"tgn.baseline.{module}"), made)()
    return model


MODELS: dict[str, Callable[[], Model]] = {name: partial(_make, place) for name, place in PLACES.items()}
