"""The report as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

Figures = dict[str, Any]
SWEEPS: Final = {
    "users": "Request time against users",
    "items": "Request time against items",
    "history": "Request time against the length of the user's history",
    "k": "Request time against k",
}  # by the name of their size


def page(figures: Figures) -> str:
    """Return the report; parts that were not measured are left out, and named with the reason."""
    parts = [_head(figures)]
    made = {"backlog": _backlog, "learning": _learning, "readers": _readers, "bytes": _bytes}
    parts += [part(figures[name]) for name, part in made.items() if name in figures]
    parts += [_sweep(name, title, figures[name]) for name, title in SWEEPS.items() if figures.get(name)]
    if figures["left_out"]:
        rows = [(name, reason) for name, reason in figures["left_out"].items()]
        parts.append("## Left out\n\n" + _table(("part", "why"), rows))
    return "\n\n".join(parts) + "\n"


def _head(figures: Figures) -> str:
    known = figures["machine"]
    settings = ", ".join(f"`{name} = {value}`" for name, value in known["settings"].items()) or "all defaults"
    rows = [
        ("version", f"{known['version']}, Python {known['python']}"),
        ("machine", f"{known['cpu']}, {known['cores']} cores, {known['memory_gib']} GiB"),
        ("load before (1, 5, 15 min)", ", ".join(map(str, figures["load_before"]))),
        ("load after", ", ".join(map(str, figures["load_after"]))),
        ("settings", settings),
        ("took", f"{figures['seconds']:.0f} s"),
    ]
    return (
        "# Riverwalk on this machine\n\n"
        + _table(("what", "value"), rows)
        + "\n\nRatios to the peers of the same run travel to other machines, absolute figures do not.\n\n![figures](report.png)"
    )


def _backlog(found: Figures) -> str:
    steps = found["us_per_event_by_step"] | {
        f"{name} (beside)": us for name, us in found["us_per_event_beside"].items()
    }
    rows = [
        ("events/s", f"{found['events_per_s']:,}"),
        *(
            [("applied, events/s", f"{found['applied_events_per_s']:,}")]
            if "applied_events_per_s" in found
            else []
        ),
        ("PyG TGNMemory, events/s", f"{found['peer_events_per_s']:,}"),
        ("ratio", f"{found['ratio']:.2f}"),
        ("the network learned from", f"{found['vectors_share']:.1%}"),
        (f"{found['later_s']} s later", f"{found['vectors_share_later']:.1%}"),
        ("the ranker learned from", f"{found['ranker_share']:.1%}"),
    ]
    return (
        f"## A backlog of {found['events']:,} events\n\nBroker: {found['broker']}. Measured {found['measured']}. Peer: {found['peer']}.\n\n"
        + _table(("what", "value"), rows)
        + "\n\n"
        + _table(("step", "µs an event"), steps.items())
    )


def _learning(found: Figures) -> str:
    named = {
        f"a lesson: the network from all events, the ranker from {found['ranked_share']:.0%}": "lesson",
        "the same with the ranker from all": "whole_pass",
        "the network alone": "network",
        "PyG's TGN, its usual training": "pyg_training",
    }
    rows = [(words, f"{found[f'{name}_events_per_s']:,}") for words, name in named.items()]
    rows.append(("the network to PyG's TGN", f"{found['network_to_pyg']:g} times"))
    return "## Learning by itself, one thread\n\n" + _table(("what", "events/s"), rows)


def _readers(found: Figures) -> str:
    rows = []
    for readers in (1, 2):
        own = f"readers_{readers}"
        redis, share = found.get(f"{own}_peer_per_s"), found.get(f"{own}_share")
        rows.append(
            (
                str(readers), f"{found[f'{own}_per_s']:,.0f}", f"{found[f'{own}_p50_ms']:g}", f"{found[f'{own}_p99_ms']:g}",
                f"{redis:,.0f}" if redis else "", f"{share:.1%}" if share else "",
            )
        )  # fmt: skip
    names = ("readers", "RECOMMEND/s", "p50 ms", "p99 ms", "Redis GET/s", "share of it")
    return (
        f"## Requests over the socket, k = {found['k']}, {found['connections']} connections\n\nPeer: {found['peer']}.\n\n"
        + _table(names, rows)
    )


def _bytes(found: Figures) -> str:
    rows = [
        ("an active user", f"{found['bytes_an_active_user']:,}"),
        ("an item", f"{found['bytes_an_item']:,}"),
    ]
    about = f"{found['events_each']} events each, {found['rows']:,} rows; {found['measured']}."
    return "## Shared memory\n\n" + about + "\n\n" + _table(("of", "bytes"), rows)


def _sweep(name: str, title: str, found: list[Figures]) -> str:
    rows = [(f"{row[name]:,}", f"{row['p50_us']:,.0f}", f"{row['p99_us']:,.0f}") for row in found]
    return f"## {title}\n\nIn process, no socket{', k = 20' if name != 'k' else ''}.\n\n" + _table(
        (name, "p50 µs", "p99 µs"), rows
    )


def _table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )
