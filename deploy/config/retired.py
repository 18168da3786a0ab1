"""Settings that were retired, refused by name with what to do."""

from deploy.config.schema import BadConfig

RETIRED = {  # by dotted name: why
    "graph.hub_lift": "edges that are weaker than chance are left to decay and aging",
    "graph.walk": "walks always go in random steps",
    "graph.walk_hops": "a two-hop push no longer stands in for walks",
    "graph.walk_boost": "items reached from several of the last items count as others do",
    "graph.walk_stop_items": "walks always take all their steps",
    "graph.walk_stop_visits": "walks always take all their steps",
}


def refuse(name: str, given: str, remedy: str) -> None:
    """Raise BadConfig where a setting was retired.

    Args:
        name: The dotted name.
        given: What the operator wrote, and where.
        remedy: What to do about it.
    """
    if name in RETIRED:
        raise BadConfig(f"{given} was retired: {RETIRED[name]}; {remedy}")
