"""Settings of the other packages, made from the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from deploy.config.schema import Config
from state.record.setting import GraphSettings
from stream.generation.generation import Limits
from stream.lane.setting import LaneSettings
from tgn.inference.layout import TgnSettings

if TYPE_CHECKING:
    from stream.generation.learned import Learned


def graph_settings(config: Config) -> GraphSettings:
    """Return how counts decay and edges live."""
    return GraphSettings(decay=config.decay, **msgspec.structs.asdict(config.graph))


def tgn_settings(config: Config) -> TgnSettings:
    """Return the sizes of what is learned."""
    learn = config.learn
    return TgnSettings(
        seed=learn.seed,
        loss=learn.loss,
        negatives=learn.negatives,
        node_memory=learn.memory,
        columns=learn.columns if learn.item_columns or learn.user_columns else 0,
    )


def limits(config: Config) -> Limits:
    """Return the ceilings of the tables."""
    return Limits(max_users=config.state.max_users, max_items=config.state.max_items)


def lane_settings(config: Config) -> LaneSettings:
    """Return the sizes of the lanes from ingest to the learner."""
    learn = config.learn
    share = learn.ranked_share if learn.enabled else 0.0
    return LaneSettings(events=learn.lane_events, samples=learn.lane_samples, ranked=share)


def learned(config: Config, folder: Path | None = None) -> Learned:
    """Return empty learned tables, in a folder or in memory."""
    from stream.generation.learned import Learned

    return Learned(tgn_settings(config), config.state.max_users, config.state.max_items, folder=folder)
