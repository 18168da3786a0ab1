"""What `riverwalk compare` is asked for.  The descriptions are the command's help."""

from __future__ import annotations

from typing import Annotated

import msgspec

Help = msgspec.Meta
FILE = {"metavar": "FILE"}


class CompareSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which log, which models, under which protocol, with how much time."""

    log: Annotated[
        str,
        Help(
            description="A file, a folder, or a data set on this machine: online-retail, ml-100k, jodie-wikipedia or ciao."
        ),
    ]
    models: Annotated[str | None, Help(description="Names, with commas; the ladder when left out.")] = None
    ladder: Annotated[str | None, Help(description="short or full; full when left out.")] = None
    protocol: Annotated[
        str, Help(description="How to split and rank: stream, chronological, random or tgb.")
    ] = "stream"
    visible: Annotated[
        str | None,
        Help(description="What a model has seen: online, lag=200, strict; else the protocol's rule."),
    ] = None
    new_only: Annotated[
        bool, Help(description="Rank only items that are new to the user (tgb and stream).")
    ] = False
    last: Annotated[
        float, Help(ge=0.01, le=0.4, description="Share of events in the chronological test.")
    ] = 0.1
    seeds: Annotated[int, Help(ge=1, le=100, description="Runs of each model that learns weights.")] = 1
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
    columns: Annotated[
        str | None,
        Help(
            description="Which columns hold what, as user=visitorid,item=sku,t=ts:s; found when left out.",
            extra={"metavar": "ROLE=NAME,…"},
        ),
    ] = None
