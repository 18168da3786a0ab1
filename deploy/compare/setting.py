"""What `riverwalk compare` is asked for.  The descriptions are the command's help."""

from __future__ import annotations

from typing import Annotated

import msgspec

from deploy.evaluate.setting import ColumnNames, Help, Last, Log, NewOnly, Protocol, Seeds, Visible

FILE = {"metavar": "FILE"}


class CompareSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which log, which models, under which protocol, with how much time."""

    log: Log
    models: Annotated[str | None, Help(description="Names, with commas; the ladder when left out.")] = None
    ladder: Annotated[str | None, Help(description="short or full; full when left out.")] = None
    protocol: Protocol = "stream"
    visible: Visible = None
    new_only: NewOnly = False
    last: Last = 0.1
    seeds: Seeds = 1
    items: Annotated[
        str, Help(description="What items are, CSV or JSON lines; else what lies beside the log.", extra=FILE)
    ] = ""
    users: Annotated[str, Help(description="What users are, the same way.", extra=FILE)] = ""
    trust: Annotated[
        str, Help(description="Who trusts whom, two columns; else what lies beside the log.", extra=FILE)
    ] = ""
    budget: Annotated[
        str | None,
        Help(
            description="Time for all of it, such as 15m: fits are cut, and what does not fit is left out.",
            extra={"metavar": "TIME"},
        ),
    ] = None
    quick: Annotated[
        bool, Help(description="A sample of the users and few models: an answer within a minute.")
    ] = False
    report: Annotated[
        str,
        Help(
            description="Write report.md with pictures, rows.csv and report.json there.",
            extra={"metavar": "FOLDER"},
        ),
    ] = ""
    anew: Annotated[bool, Help(description="Run models again that have finished before.")] = False
    columns: ColumnNames = None
