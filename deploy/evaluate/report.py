"""The report of `riverwalk evaluate` as tables for people."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

Report = dict[str, Any]
WIDE = 120  # columns from which on everything is shown without being asked for
KINDS = {  # what the kinds of event are called
    "repeat": "had before",
    "known_user_new_item": "new to the user",
    "new_user": "new user",
    "new_item": "new item",
    "cold": "item had < 10×",
    "newcomer": "user not in train",
}


def show(report: Report, details: bool) -> None:
    """Print the figures; with details, or on a wide terminal, kinds of event and intervals under them."""
    console = Console()
    made = [table(report)]
    if details or console.width >= WIDE:
        parts = dict.fromkeys(row["part"] for row in report["rows"])
        made += [by_kind(report, part) for part in parts]
        made += [newcomers(report, part) for part in parts if _asked(report, part)]
        made += [candidates(report)] if "candidates" in report else []
        made += [diverse(report, part) for part in parts if _listed(report, part)]
        made += [
            compared(report, part) for part in parts if any(one["part"] == part for one in report["compare"])
        ]
    console.width = max(console.width, *(Console(width=1_000).measure(one).maximum for one in made))
    for one in made:
        console.print(one)
    told(console, report)
    if len(made) == 1:
        console.print("kinds of event and intervals: --details, or a wider terminal", style="dim")


def told(console: Console, report: Report) -> None:
    """Print when the parts were, what the names mean, which models were left out, and the verdict."""
    spans = " · ".join(f"{part} {begin} – {end}" for part, (begin, end) in report["times"].items())
    console.print(spans, style="dim", highlight=False, soft_wrap=True, markup=False)
    wide = max(map(len, report["legend"]), default=0)
    for name, about in report["legend"].items():
        console.print(f"{name:<{wide}}  {about}", style="dim", highlight=False, soft_wrap=True, markup=False)
    for name, why in report["left_out"].items():
        console.print(f"left out: {name}: {why}", style="dim", highlight=False, soft_wrap=True, markup=False)
    for sentence in report["verdict"]:
        console.print(f"• {sentence}", highlight=False, soft_wrap=True, markup=False)


def table(report: Report) -> Table:
    """Return the figures of each model and part, the best of each column and part in bold."""
    events = report["events"]
    counts = " / ".join(f"{events.get(part, 0):,}" for part in ("train", "validation", "test"))
    made = Table(title=f"{heading(report)} · {counts} events")
    random = report["protocol"] == "random"
    heads = ("MRR", "R@10", "R@20", *(("P@20",) if random else ()), "NDCG@10", "NDCG@20")
    for name in ("model", "part"):
        made.add_column(name)
    for name in (*heads, "seconds", "events/s", "MiB"):
        made.add_column(name, justify="right")

    for part in ("validation", "test"):
        rows = best_first(report, part)
        figures = [_figures(row, random) for row in rows]
        best = [max(column) for column in zip(*figures, strict=True)]
        for row, own in zip(rows, figures, strict=True):
            shown = [
                f"[bold]{x:.4f}[/bold]" if x == top else f"{x:.4f}" for x, top in zip(own, best, strict=True)
            ]
            if row["seeds"] > 1:
                shown[0] += f" ±{row['mrr_std']:.4f}"
                shown[1] += f" ±{row['recall_std']['10']:.4f}"
            cost = (f"{row['seconds']:.1f}", f"{row['events_per_s']:,}", f"{row['peak_rss_mib']:.0f}")
            made.add_row(row["model"], part, *shown, *cost)
        made.add_section()
    return made


def _figures(row: Report, random: bool) -> list[float]:
    """Return the figures of a row in the order of the table's columns."""
    precision = [row["precision"]["20"]] if random else []
    recall, ndcg = row["recall"], row["ndcg"]
    return [row["mrr"], recall["10"], recall["20"], *precision, ndcg["10"], ndcg["20"]]


def best_first(report: Report, part: str) -> list[dict[str, Any]]:
    """Return the rows of a part, the largest MRR first."""
    rows: list[dict[str, Any]] = report["rows"]
    return sorted((row for row in rows if row["part"] == part), key=lambda row: -row["mrr"])


def heading(report: Report) -> str:
    """Return in one line what was measured, and how."""
    new = ", new items only" if report["new_only"] else ""
    seeds = f" · {report['seeds']} seeds" if report["seeds"] > 1 else ""
    return f"{report['data']} · {report['protocol']}{new} · visible {report['visible']} · learning {report['learning']}{seeds}"


def by_kind(report: Report, part: str) -> Table:
    """Return MRR and R@10 by kind of event, best first; events of more than one kind count in each."""
    rows = best_first(report, part)
    kinds = {name: kind["n"] for name, kind in rows[0]["by_kind"].items() if kind["n"]}
    made = Table(title=f"by kind of event, {part}: MRR / R@10")
    made.add_column("model")
    for name, n in kinds.items():
        made.add_column(f"{KINDS[name]}\n[dim]{n:,}[/dim]", justify="right")
    best = {name: max(row["by_kind"][name]["mrr"] for row in rows) for name in kinds}
    for row in rows:
        cells = []
        for name in kinds:
            kind = row["by_kind"][name]
            mrr = f"{kind['mrr']:.4f}"
            cells.append(f"{f'[bold]{mrr}[/bold]' if kind['mrr'] == best[name] else mrr} / {kind['r10']:.4f}")
        made.add_row(row["model"], *cells)
    return made


def _asked(report: Report, part: str) -> bool:
    """Tell whether a part has events of users who are not in training."""
    bands = next(row.get("newcomers", {}) for row in report["rows"] if row["part"] == part)
    return any(band["n"] for band in bands.values())


def newcomers(report: Report, part: str) -> Table:
    """Return MRR and R@20 of users who are not in training, by how many events of theirs there were before."""
    rows = best_first(report, part)
    bands = {name: band["n"] for name, band in rows[0]["newcomers"].items() if band["n"]}
    made = Table(title=f"new users by events before, {part}: MRR / R@20")
    made.add_column("model")
    for name, n in bands.items():
        made.add_column(f"after {name}\n[dim]{n:,}[/dim]", justify="right")
    for row in rows:
        found = [row["newcomers"][name] for name in bands]
        made.add_row(row["model"], *(f"{one['mrr']:.4f} / {one['r20']:.4f}" for one in found))
    return made


def candidates(report: Report) -> Table:
    """Return how often the true item is among the candidates, and among as many of the most popular items."""
    found = report["candidates"]
    limit = next(iter(found.values()))["limit"]
    made = Table(title=f"the next item among the first {limit}")
    made.add_column("part")
    for name in ("candidates", "most popular", "most popular, decayed"):
        made.add_column(name, justify="right")
    for part, one in found.items():
        figures = (one["recall"], one["popularity"], one["decayed_popularity"])
        made.add_row(part, *(f"{figure:.4f}" for figure in figures))
    return made


def _listed(report: Report, part: str) -> list[Report]:
    return [row for row in report["rows"] if row["part"] == part and "diversity" in row]


def diverse(report: Report, part: str) -> Table:
    """Return how much the items of a list differ, how new they are, and how much of the catalogue lists reach."""
    rows = _listed(report, part)
    lists = rows[0]["diversity"]["lists"]
    made = Table(title=f"the first 20 of {lists:,} lists, {part}")
    made.add_column("model")
    heads = ("similarity", "entropy, bits", "coverage", "age in days\nmedian / mean", "popularity rank")
    for name in heads:
        made.add_column(name, justify="right")
    for row in rows:
        one = row["diversity"]
        age = f"{_figure(one['age_days']['median'], 1)} / {_figure(one['age_days']['mean'], 1)}"
        shares = [
            _figure(one[name], digits)
            for name, digits in (("similarity", 4), ("entropy", 2), ("coverage", 4))
        ]
        made.add_row(row["model"], *shares, age, _figure(one["popularity_rank"], 0))
    return made


def _figure(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def compared(report: Report, part: str) -> Table:
    """Return the differences in MRR with their intervals; those that chance can explain are dim."""
    pairs = {(one["model"], one["against"]): one for one in report["compare"] if one["part"] == part}
    against = list(dict.fromkeys(other for _, other in pairs))
    made = Table(title=f"difference in MRR, {part} [95 % of resamples of users]; dim: within chance")
    made.add_column("model")
    for other in against:
        made.add_column(f"against {other}", justify="right")
    for row in best_first(report, part):
        made.add_row(row["model"], *(_cell(pairs.get((row["model"], other))) for other in against))
    return made


def _cell(pair: Report | None) -> str:
    if pair is None:
        return "–"
    if pair["low"] is None:
        return f"[dim]{pair['mrr_difference']:+.4f}[/dim]"
    text = f"{pair['mrr_difference']:+.4f} \\[{pair['low']:+.4f}, {pair['high']:+.4f}]"
    return text if pair["significant"] else f"[dim]{text}[/dim]"
