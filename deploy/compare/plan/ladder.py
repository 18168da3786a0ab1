"""The ladder: which models run, from counting to graphs to Riverwalk."""

from __future__ import annotations

from deploy.config.schema import BadConfig
from deploy.evaluate.model.counted import MAKERS
from deploy.evaluate.protocol import known
from deploy.evaluate.setting import FITTED, FROZEN, KNOWN, PYG, TRUSTING
from deploy.evaluate.verdict import legend

QUICK = (
    "popularity",
    "own-recency",
    "co-occurrence",
    "ease",
    "mf-bpr",
    "lightgcn",
    "riverwalk-counted",
    "riverwalk",
)
SHORT = (
    "popularity", "decayed-popularity", "own-recency", "co-occurrence", "ease", "rp3beta", "mf", "mf-bpr", "lightgcn",
    "graphsage", "riverwalk-counted", FROZEN, "riverwalk",
)  # fmt: skip
STILL = tuple(
    f"{name}{legend.FROZEN}" for name in ("popularity", "co-occurrence", "cosine", "ease", "rp3beta")
)
FULL = (
    "popularity", "decayed-popularity", "own-recency", "edgebank", "edgebank-tw", "co-occurrence", "transitions", "cosine",
    "ease", "rp3beta", *STILL, *FITTED, PYG, "riverwalk-counted", FROZEN, TRUSTING, "riverwalk",
)  # fmt: skip
LADDERS = {"short": SHORT, "full": FULL}
NAMES = (*KNOWN, *STILL)


def chosen(models: str | None, ladder: str | None, quick: bool) -> list[str]:
    """Return the models to run, each once, in the order of the ladder.

    Raises:
        BadConfig: An unknown model or ladder, or both at once.
    """
    if models and ladder:
        raise BadConfig("--models and --ladder: one of them says what runs; leave the other out")
    if models:
        names = [name.strip() for name in models.split(",") if name.strip()]
        if not names:
            raise BadConfig(f"--models {models!r}: no name in it; known: {', '.join(NAMES)}")
        for name in names:
            base = name.removesuffix(legend.LIVE)
            known("--models", "model", base if base in FITTED else name, NAMES)
        return list(
            dict.fromkeys(
                name.removesuffix(legend.LIVE) if name.removesuffix(legend.LIVE) in FITTED else name
                for name in names
            )
        )
    if ladder:
        return list(LADDERS[known("--ladder", "ladder", ladder, LADDERS)])
    return list(QUICK if quick else FULL)


def idle(name: str, protocol: str, new_only: bool) -> str:
    """Return why a model can say nothing under a protocol; empty where it can."""
    if protocol == "random" and name in STILL:
        return "a random split has no later events: the model itself is frozen"
    return legend.idle(name, protocol, new_only)


def counted(name: str) -> str:
    """Return the counted model behind a name; empty where there is none."""
    base = name.removesuffix(legend.FROZEN)
    return base if base in MAKERS else ""
