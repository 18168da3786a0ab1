"""What the names of models mean, which family each belongs to, and which protocols it can say something under."""

from __future__ import annotations

from typing import NamedTuple

LIVE, FROZEN = "-live", "-frozen"


class Entry(NamedTuple):
    """A model's family, and one line about it."""

    family: str
    about: str


COUNT, ITEM, FACTOR, WALK, GRAPH, TEMPORAL, OWN = (
    "counts", "items", "factors", "walks", "graph", "temporal", "riverwalk"
)  # fmt: skip
FAMILIES = {
    COUNT: "popularity and the user's own items",
    ITEM: "items that go with items",
    FACTOR: "a learned vector a user and an item",
    WALK: "vectors learned from random walks",
    GRAPH: "vectors spread over the graph of users and items",
    TEMPORAL: "a learned memory that follows the stream",
    OWN: "Riverwalk",
}
ENTRIES = {
    "popularity": Entry(COUNT, "how many events an item has had"),
    "decayed-popularity": Entry(COUNT, "the same, where old events count less"),
    "own-recency": Entry(COUNT, "the user's own items, the last one first"),
    "local-global": Entry(COUNT, "own items, the last first, ties by anybody's last event"),
    "edgebank": Entry(COUNT, "pairs of user and item seen before"),
    "edgebank-tw": Entry(COUNT, "pairs seen before, in a window of time"),
    "co-occurrence": Entry(ITEM, "items taken shortly before or after the user's last ones"),
    "transitions": Entry(ITEM, "items that followed the user's last one"),
    "cosine": Entry(ITEM, "items whose takers are the takers of the user's items"),
    "ease": Entry(ITEM, "a closed-form linear model from items to items"),
    "rp3beta": Entry(ITEM, "walks of three steps, popular items held down"),
    "mf": Entry(FACTOR, "matrix factorization, squared loss"),
    "mf-bpr": Entry(FACTOR, "matrix factorization, taken before not taken (BPR)"),
    "mf-side": Entry(FACTOR, "matrix factorization with columns of users and items"),
    "tensor": Entry(FACTOR, "factorization of user × item × time"),
    "line": Entry(FACTOR, "vectors of pairs by logistic loss (LINE)"),
    "two-tower": Entry(FACTOR, "a network for users, one for items, a product"),
    "deepwalk": Entry(WALK, "skip-gram on uniform walks"),
    "node2vec": Entry(WALK, "skip-gram on walks that stay near or go far"),
    "gcn": Entry(GRAPH, "graph convolution with weights in each layer"),
    "ngcf": Entry(GRAPH, "graph convolution with products of neighbours"),
    "lightgcn": Entry(GRAPH, "graph convolution with nothing but averages"),
    "gat": Entry(GRAPH, "neighbours weighed by attention"),
    "graphsage": Entry(GRAPH, "neighbours sampled, also for what training has not seen"),
    "pinsage": Entry(GRAPH, "neighbours by visits of walks, hard negatives"),
    "social-gcn": Entry(GRAPH, "attention over the users whom a user trusts"),
    "social-gcn-no-trust": Entry(GRAPH, "the same model without trust"),
    "hetero-gcn": Entry(GRAPH, "further kinds of nodes: categories, season, weekday"),
    "pyg-tgn": Entry(TEMPORAL, "temporal graph network, PyTorch Geometric's recipe"),
    "riverwalk": Entry(OWN, "counted features, temporal and collaborative vectors, one ranker"),
    "riverwalk-frozen": Entry(OWN, "the same, weights as of the end of training"),
    "riverwalk-trust": Entry(OWN, "with what those whom the user trusts took as candidates"),
    "riverwalk-served": Entry(OWN, "what the guard would have served"),
    "riverwalk-counted": Entry(OWN, "without the temporal and the collaborative vectors"),
    "blend": Entry(OWN, "the fixed blend that a fresh instance answers with"),
    "riverwalk-minus-memory": Entry(OWN, "without the temporal vectors"),
    "riverwalk-minus-cowatch": Entry(OWN, "without the graph of items taken together"),
    "riverwalk-minus-history": Entry(OWN, "without the user's own history"),
    "riverwalk-memory-alone": Entry(OWN, "the temporal vectors alone"),
    "riverwalk-minus-gru": Entry(OWN, "without node memory"),
    "riverwalk-minus-slow": Entry(OWN, "without the collaborative vectors"),
}
REPEATS = ("own-recency", "local-global", "edgebank", "edgebank-tw")  # they rank what the user had
ORDER = ("decayed-popularity", "transitions", *REPEATS)  # they need to know what came before what


def entry(name: str) -> Entry:
    """Return the entry of a model, also of one that is frozen or has a live history."""
    if name in ENTRIES:
        return ENTRIES[name]
    for end, more in (
        (LIVE, "; weights as fitted, the user's history as it is now"),
        (FROZEN, "; as of the end of training"),
    ):
        if name.endswith(end) and name.removesuffix(end) in ENTRIES:
            own = ENTRIES[name.removesuffix(end)]
            return Entry(own.family, own.about + more)
    raise KeyError(name)


def idle(name: str, protocol: str, new_only: bool) -> str:
    """Return why a model can say nothing under a protocol; empty where it can.

    Args:
        new_only: Whether items the user had do not compete.
    """
    if new_only and name in REPEATS:
        return "it ranks items the user had, which do not compete here"
    if protocol == "random" and name in ORDER:
        return "it needs the order of events, which a random split breaks"
    if protocol == "random" and name == "riverwalk-frozen":
        return "a random split has no later events to learn from: riverwalk itself is frozen"
    return ""
