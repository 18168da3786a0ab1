"""`riverwalk dlq`: what was rejected and why, and publishing it again.  An instance may run meanwhile, or not."""

import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.configured import configured
from deploy.cli.option import Json
from deploy.config.schema import BadConfig, Config
from deploy.terminal.output import complain, show
from stream.event import duration
from stream.event.event import REASONS

if TYPE_CHECKING:
    from deploy.dlq.archive import Selection
    from deploy.dlq.replay import Named

app = typer.Typer(help="Dead letters: what was rejected and why.", no_args_is_help=True)
Reasons = Annotated[
    list[str] | None,
    typer.Option("--reason", metavar="REASON", help=f"Of this reason: {', '.join(REASONS)}; repeatable."),
]
Since = Annotated[
    str | None,
    typer.Option("--since", help="Rejected since: 90s, 30m, 2h, 7d ago, or a time such as 2026-01-31T12:00."),
]


@app.command("list")
@configured("kafka.address", "kafka.topic", "state.folder")
def list_(
    config: Config,
    reason: Reasons = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 100,
    json: Json = False,
) -> None:
    """Dead letters, the newest last: of the topic, and on disk where it did not take them."""
    from deploy.config.broker import spool_folder
    from deploy.dlq.archive import Archive
    from deploy.dlq.listing import newest, row, told
    from deploy.dlq.mark import Marks

    selection = _selection(reason, since)
    archive, marks = Archive(config), Marks(spool_folder(config))
    found, count = newest(archive, selection, limit)
    show([told(one, marks) if json else row(one, marks) for one in found], json)
    if count > len(found):
        complain(f"the newest {len(found):,} of {count:,}; --limit {count} shows all")
    _end(archive.trouble)


@app.command()
@configured("kafka.address", "kafka.topic", "state.folder")
def replay(
    config: Config,
    reason: Reasons = None,
    since: Since = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Publish nothing, only say what would be.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Also those that were replayed before.")] = False,
    json: Json = False,
) -> None:
    """Publish dead letters again, as their records were, to the topics they came from; each once."""
    from deploy.dlq.listing import LONG, escaped, place
    from deploy.dlq.replay import Replay

    report = Replay(config, _selection(reason, since), dry=dry_run, again=again).run()

    def rows(named: list["Named"]) -> list[dict[str, str]]:
        return [{"place": place(one.letter), "why": escaped(one.why, LONG)} for one in named]

    told = {
        "would_be_replayed" if dry_run else "replayed": report.sent,
        "refused_again": report.refusals,
        "not_replayed": report.failures,
        "replayed_before": report.before,
    }
    if json:
        lists = {"refused_again": rows(report.refused), "not_replayed": rows(report.kept)}
        show({**told, "letters": lists}, True)
    else:
        show({title.replace("_", " "): count for title, count in told.items()}, False)
        for title, named in (("refused again", report.refused), ("not replayed", report.kept)):
            if named:
                print(f"\n{title}:")
                show(rows(named), False)
    _end(report.trouble)


def _selection(reasons: list[str] | None, since: str | None) -> "Selection":
    from deploy.dlq.archive import Selection

    unknown = sorted(set(reasons or ()) - set(REASONS))
    if unknown:
        raise BadConfig(f"--reason {unknown[0]}: no such reason; known: {', '.join(REASONS)}")
    return Selection(frozenset(reasons or ()), 0 if since is None else _moment(since))


def _moment(text: str) -> int:
    """The time that --since means, in milliseconds."""
    ago = duration.duration(text)
    if ago is not None and float(ago) >= 0:
        return time.time_ns() // 1_000_000 - round(float(ago))
    if re.fullmatch(r"\d{10,18}", text, re.ASCII):
        return int(text)
    try:
        stamp = datetime.fromisoformat(text)
        return round((stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as exc:
        raise BadConfig(
            f"--since {text}: no time; wanted {duration.wanted()}, or ISO 8601 (UTC where it says no other), "
            "or milliseconds since 1970"
        ) from exc


def _end(trouble: str) -> None:
    if trouble:
        complain(trouble)
        raise typer.Exit(1)
