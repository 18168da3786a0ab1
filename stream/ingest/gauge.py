"""What the gauges of ingest say: the stream's time, what is learned from, and how full the tables are."""

from __future__ import annotations

from stream import metric
from stream.generation.generation import Generation


def tell(generation: Generation) -> None:
    """Bring the gauges up to date."""
    status, world = generation.status, generation.world.state.world[0]
    metric.stream_time(int(world["t"]) / 1000)
    metric.gauge("learning_share", float(status["ranked_share"]), "ranker")
    metric.gauge("learning_skipped", float(status["skipped"]))
    for table, rows in (
        (generation.world.users, generation.users.named),
        (generation.world.items, generation.items.named),
        (generation.world.edges, generation.items.named),
        (generation.world.seen, int(world["blocks"])),
    ):
        metric.table(table.name, rows, rows * table.row_bytes)
