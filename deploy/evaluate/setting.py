"""What `riverwalk evaluate` is asked for: one struct, from the command line to the process that runs a model."""

from __future__ import annotations

from typing import Annotated

import msgspec

from deploy.config.schema import Learn
from tgn.baseline.fitting import registry

PROTOCOLS = ("tgb", "stream", "chronological", "random")
FITTED = registry.MODELS  # models that are fitted on the training part, by name
LEARNINGS = ("frozen", "online")
PARTS = ("validation", "test", "both")
BASELINES = (
    "popularity", "decayed-popularity", "own-recency", "local-global", "edgebank", "edgebank-tw", "co-occurrence",
    "transitions", "ease",
)  # fmt: skip
SLOWER = ("cosine", "rp3beta")  # counted as well; they run when they are named
PYG = "pyg-tgn"  # slow: it runs when it is named
SERVED = "riverwalk-served"  # what the guard would have served, out of the run of `riverwalk`
WITHOUT: dict[str, tuple[str, ...]] = {  # what each of Riverwalk's own models lacks
    "riverwalk": (),
    "riverwalk-frozen": (),
    "riverwalk-trust": (),
    "riverwalk-counted": ("memory", "slow"),
    "riverwalk-minus-memory": ("memory",),
    "riverwalk-minus-cowatch": ("cowatch",),
    "riverwalk-minus-history": ("history",),
    "riverwalk-memory-alone": ("counted",),
    "riverwalk-minus-gru": ("gru",),
    "riverwalk-minus-slow": ("slow",),
}
TRUSTING = "riverwalk-trust"  # with what those whom a user trusts took as candidates
FROZEN = "riverwalk-frozen"  # the weights of the end of training, whatever the rule of learning
ABLATIONS = tuple(
    name for name in WITHOUT if name not in ("riverwalk", FROZEN, TRUSTING, "riverwalk-counted")
)
SEEDED = (*WITHOUT, SERVED, PYG, *FITTED)  # models that a seed changes
MODELS = ("riverwalk", SERVED, "riverwalk-counted", "blend", *BASELINES)  # when none are named
LISTED = ("riverwalk", *BASELINES, *SLOWER)  # models whose lists can be had
KNOWN = (*MODELS, *ABLATIONS, FROZEN, TRUSTING, *SLOWER, *FITTED, PYG)

Help = msgspec.Meta
# Options of `evaluate` that `compare` has, too.
Log = Annotated[
    str,
    Help(
        description="A file, a folder, or a data set on this machine: online-retail, ml-100k, jodie-wikipedia or ciao."
    ),
]
Protocol = Annotated[str, Help(description="How to split and rank: tgb, stream, chronological or random.")]
Visible = Annotated[
    str | None,
    Help(description="What a model has seen: online, lag=200, strict; else the protocol's rule."),
]
NewOnly = Annotated[bool, Help(description="Rank only items that are new to the user (tgb and stream).")]
Seeds = Annotated[int, Help(ge=1, le=100, description="Runs of each model that learns weights.")]
Last = Annotated[float, Help(ge=0.01, le=0.4, description="Share of events in the chronological test.")]
ColumnNames = Annotated[
    str | None,
    Help(
        description="Which columns hold what, as user=visitorid,item=sku,t=ts:s; found when left out.",
        extra={"metavar": "ROLE=NAME,…"},
    ),
]


class EvaluationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which log, split and ranked how, by which models.  The descriptions are the command's help."""

    data: Log
    protocol: Protocol = "stream"
    visible: Visible = None
    learning: Annotated[
        str | None,
        Help(description="Weights stay frozen after training, or learn online; else the protocol's rule."),
    ] = None
    new_only: NewOnly = False
    models: Annotated[
        str | None,
        Help(description=f"Names, with commas; the usual ones when left out. Known: {', '.join(KNOWN)}."),
    ] = None
    ablate: Annotated[bool, Help(description="Also Riverwalk without each of its parts.")] = False
    seeds: Seeds = 1
    last: Last = 0.1
    part: Annotated[str, Help(description="What is judged: validation, test or both.")] = "both"
    details: Annotated[
        bool, Help(description="Also candidates, newcomers, diversity, kinds of event and intervals.")
    ] = False
    loss: Annotated[str, Help(description="What the item vectors learn by: softmax, bpr or nce.")] = "softmax"
    negatives: Annotated[
        str, Help(description="What they learn against: mixed, uniform, popularity or hard.")
    ] = "mixed"
    ranked_share: Annotated[
        float,
        Help(
            ge=0,
            le=1,
            description="Share of the events that the ranker learns from, as learn.ranked_share of the service.",
        ),
    ] = Learn().ranked_share
    item_columns: Annotated[
        str,
        Help(
            description="Explicit features of items, CSV or JSON lines, the id first.",
            extra={"metavar": "FILE"},
        ),
    ] = ""
    user_columns: Annotated[str, Help(description="The same of users.", extra={"metavar": "FILE"})] = ""

    columns: ColumnNames = None

    @property
    def explicit(self) -> bool:
        """Whether explicit features are given."""
        return bool(self.item_columns or self.user_columns)


class Job(msgspec.Struct, frozen=True):
    """What one process is asked for: a model, a seed, and where its ranks go.

    Fields:
        asked: With the protocol's rules filled in.
        out: An npz with one float64 [n] a model, NaN where nothing is judged; `NAME.lists` beside it.
        drawn: Seed of the split.
        until: The last part that is run.
        lists: Whether lists are wanted of models that give them.
        share: Of the users.
        most: Events of a part that are judged, 0 for all.
        items, users, trust: Files that say what items and users are, and who trusts whom; empty for none.
        seconds: That a fit may take, of computing, 0 for any.
        wall: Those seconds are the wall clock's, because somebody waits for them.
        costs: Whether queries are timed.
    """

    asked: EvaluationSettings
    path: str
    model: str = ""
    out: str = ""
    seed: int = 0
    drawn: int = 0
    until: int = 2
    lists: bool = False
    share: float = 1.0
    most: int = 0
    items: str = ""
    users: str = ""
    trust: str = ""
    seconds: float = 0.0
    wall: bool = False
    costs: bool = False
