"""Cache of compiled kernels: a folder of the user's cache for each version of the sources.

numba looks only at the file a kernel stands in to see whether it changed, not at the files of the kernels it
calls.  A folder named after all sources together makes a changed source compile everything that may use it.
The models to compare with stand apart: nothing outside their files calls their kernels.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOMS = ("state", "tgn")
APART = (
    "tgn/baseline/"  # kernels there call none of another file, so that numba's own look at the file is enough
)
INGEST, SERVE, REST, LEARN = "ingest", "serve", "rest", "learn"
PARTS = {
    INGEST: (
        "state.counter.once._load",
        "state.ranking.sample.learn",
    ),
    SERVE: (
        "state.counter.mixture.weights",
        "state.ranking.request.prepare",
        "state.retrieval.fallback.fill",
        "state.ranking.attribution.causes",
        "state.retrieval.fallback.seen",
        "tgn.inference.user._vector",
        "tgn.inference.user.dots",
        "tgn.inference.ranker.row_inputs",
        "tgn.inference.collaborative.score",
        "tgn.inference.ranker._relu",
        "tgn.inference.ranker._out",
        "state.counter.trend.between",
        "state.counter.trend.trending",
        "state.counter.trend.trend",
    ),
    REST: (
        "state.ranking.request.order",
        "tgn.inference.diversity.likeness",
        "tgn.inference.diversity.mixed",
        "tgn.inference.diversity.capped",
        "state.retrieval.exploration.fitting",
        "state.retrieval.exploration.chosen",
        "state.retrieval.similar.similar",
        "state.retrieval.similar.similar_by_users",
        "state.counter.cooccurrence.busiest",
        "tgn.inference.collaborative.likeness",
        "state.ranking.attribution.shares",
        "state.ranking.attribution.last_kind",
        "state.ranking.attribution.source_ranks",
        "state.ranking.attribution.parts",
    ),
    LEARN: (
        "state.counter.once._admit",
        "state.counter.seen.blocks",
        "state.counter.removal.blocks",
        "state.counter.eviction._drop_users",
        "state.storage.table._mark_all",
        "tgn.training.optimizer.distinct",
        "tgn.inference.attention.bucket",
        "tgn.inference.attention.look",
        "tgn.inference.ranker.batch_inputs",
        "tgn.training.perceptron.gather",
        "tgn.training.perceptron.rectify",
        "tgn.training.perceptron.scores",
        "tgn.training.perceptron.softmax",
        "tgn.training.perceptron.last",
        "tgn.training.perceptron.first",
        "tgn.training.optimizer.descend",
        "tgn.training.contrast.places",
        "tgn.training.contrast._repeat",
        "tgn.training.contrast._repeated",
        "tgn.inference.attention.back",
        "tgn.training.optimizer.adam",
        "tgn.training.optimizer.row_adam",
        "tgn.training.optimizer.count",
        "tgn.network.message.aggregate",
        "tgn.network.memory._write",
        "state.counter.cooccurrence.gram",
        "tgn.training.change.once",
        "state.graph.aging.bands",
    ),
}
"""Kernels that Python calls, `module.function`: of ingest and of readers before they are ready, then of requests and of
lessons that come later."""


def folder() -> Path:
    """Return the cache folder for the present sources at their present path."""
    root = Path(__file__).resolve().parents[2]
    found = hashlib.sha256(str(root).encode())
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            if not name.startswith(APART):
                found.update(name.encode() + path.read_bytes())
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "riverwalk" / f"kernels-{found.hexdigest()[:16]}"


def keep() -> None:
    """Have numba cache kernels there, in this process and its children, unless the environment says where.

    Linear algebra gets one thread, as learning does: a second one would wait for a core that is in use.
    """
    os.environ.setdefault("NUMBA_CACHE_DIR", str(folder()))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def place() -> Path:
    """Return where the cache is: the folder the environment names, else `folder`."""
    return Path(os.environ.get("NUMBA_CACHE_DIR") or folder())


def kept() -> set[str]:
    """Return which kernels the cache holds, as numba names them: `file.function`."""
    return {path.name.rpartition("-")[0] for path in place().rglob("*.nbi")}


def missing(*parts: str) -> list[str]:
    """Return the kernels of some parts, or of all, that the cache does not hold."""
    held = kept()
    names = dict.fromkeys(name for part in parts or PARTS for name in PARTS[part])
    return [name for name in names if ".".join(name.split(".")[-2:]) not in held]


def watch(tell: Callable[[int], None]) -> None:
    """Call `tell` with 1 when the compilation of a kernel begins in this process, and with -1 when it ends."""
    from numba.core import event

    class Compilation(event.Listener):  # type: ignore[misc]
        def on_start(self, event: Any) -> None:
            tell(1)

        def on_end(self, event: Any) -> None:
            tell(-1)

    event.register("numba:compile", Compilation())  # type: ignore[no-untyped-call]
