"""Settings of the rooms from the configuration."""

from __future__ import annotations

from deploy.config.schema import Config
from state.record.setting import GraphSettings
from stream.generation.generation import Limits
from tgn.inference.layout import TgnSettings


def graph_settings(config: Config) -> GraphSettings:
    """Return how counts decay and edges live."""
    graph = config.graph
    return GraphSettings(
        pace_seconds=config.decay.pace_seconds,
        half_lives=config.decay.half_lives,
        edge_half_life=graph.half_life_paces,
        window_hours=graph.window_hours,
        aging_month_days=graph.aging_month_days,
        aging_share=graph.aging_share,
        aging_every_days=graph.aging_every_days,
        steps=graph.walk_steps,
        restart=graph.walk_restart,
        seeds=graph.walk_seeds,
        seed_decay=graph.walk_seed_decay,
        seeds_by=graph.walk_seeds_by,
    )


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
