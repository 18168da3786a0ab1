"""What INFO tells of the tables: counts, positions, and the quality of live answers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from state.counter.mixture import NAMES, weights
from stream.answer.recommender import Recommender
from stream.generation.status import LET_GO, RANKERS


def counted(recommender: Recommender, offsets: Mapping[int, int]) -> dict[str, str | int | float]:
    """Return the fields of a generation.

    Args:
        offsets: By partition, the next offset that is not in an answer yet.
    """
    generation = recommender.generation
    world, status, quality = recommender.state.world[0], generation.status, generation.quality
    told: dict[str, str | int | float] = {
        "applied_events": int(world["events"] + world["impressions"]),
        "rejected_events": int(world["rejected"]),
        "ignored_events": int(status["ignored"]),
        "late_events": int(world["late"]),
        "repeated_events": int(generation.world.once.array["b"][0]),
        "event_clock": "stream" if status["past"] else "wall",
        "seconds_as_milliseconds": int(status["seconds"]),
        "stream_time_ms": int(world["t"]),
        "users": generation.users.named,
        "items": generation.items.named - 1,
        "edges": int(world["edges"]),
        "edges_pruned_evicted": int(world["evicted"]),
        "edges_pruned_aged": int(world["aged"]),
        "generation": generation.number,
        "explored": recommender.exploration.total,
        "learned_events": int(quality["learned"]),
        "ranked_events": int(quality["ranked"]),
        "learning_share": round(float(quality["share"]), 4),
        "ranked_share": round(float(status["ranked_share"]), 4),
        "learning_waiting": int(quality["waiting"]),
        "learning_deferred": int(quality["deferred"]),
        "learning_missed": int(quality["missed"]),
        "samples_skipped": int(status["skipped"]),
        "learning_stopped": int(status["stopped"]),
        "ranker": RANKERS[int(quality["serving"])],
        "pace_seconds": round(float(world["pace"]) / 1000, 3),
        **{name: int(world[field]) for name, field in LET_GO.items()},
    }
    for name, weight in zip(NAMES, weights(np.array(world["credit"][1])).tolist(), strict=True):
        told[f"source_{name}"] = round(weight, 3)
    told["live_events"] = int(quality["judged"])
    for k, name in enumerate(RANKERS):
        told[f"live_mrr_{name}"] = round(float(quality["mrr"][k]), 4)
        told[f"live_recall10_{name}"] = round(float(quality["recall10"][k]), 4)
    for partition, offset in offsets.items():
        told[f"offset_{partition}"] = offset
        told[f"lag_{partition}"] = int(status["waiting"][partition])
    for partition in np.flatnonzero(status["saved"]).tolist():
        told[f"saved_{int(partition)}"] = int(status["saved"][partition])
    for partition in np.flatnonzero(status["described"]).tolist():
        told[f"described_{int(partition)}"] = int(status["described"][partition])
    return told
