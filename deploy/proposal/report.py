"""A proposal for people, and for programs."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from deploy.proposal.proposal import Fit, Proposal, rejected_row, toml
from deploy.proposal.shape import PLAIN
from deploy.terminal.output import show

SHOWN: Final = 5  # records that are none, of each kind of message


def report(proposal: Proposal, as_json: bool) -> bool:
    """Print a proposal; return whether the records can be read, by what is in force or by what is proposed."""
    good = proposal.well or (
        proposal.fit is not None and 2 * proposal.fit.events >= len(proposal.sample.records)
    )
    if as_json:
        show(told(proposal) | {"ok": good}, True)
        return good
    count = len(proposal.sample.records)
    if not count:
        print(f"{proposal.sample.where}: no record is there; send some, or name a file with --from")
        return False
    print(f"{count} records of {proposal.sample.where}: {_forms(proposal)}")
    if proposal.well:
        print(f"{_read(proposal.now, count)} by the configuration in force: nothing is to be set")
        _misfits(proposal.now)
        return True
    if proposal.lacking:
        print(f"nothing to propose: {proposal.lacking}")
        return False
    assert proposal.fit is not None
    print(f"\n{toml(proposal)}\n")
    print(
        f"{_read(proposal.fit, count)} by this section, {proposal.now.events} by the configuration in force"
    )
    _misfits(proposal.fit)
    print("paste it into riverwalk.toml, look at what is not sure, and run `riverwalk config check`")
    return good


def told(proposal: Proposal) -> dict[str, Any]:
    """Return a proposal as a JSON object."""
    mapping, fit = proposal.mapping, proposal.fit or proposal.now
    return {
        "where": proposal.sample.where,
        "records": len(proposal.sample.records),
        "forms": dict(proposal.shape.forms),
        "envelope": proposal.shape.envelope,
        "in_force": {"events": proposal.now.events, "ignored": proposal.now.ignored, "well": proposal.well},
        "events": fit.events,
        "ignored": fit.ignored,
        "mapping": None if mapping is None else msgspec.structs.asdict(mapping) | {"registry_password": ""},
        "confidence": {role: round(one.confidence, 3) for role, one in proposal.places.items()},
        "unknown_types": proposal.strange,
        "toml": None if mapping is None else toml(proposal),
        "lacking": proposal.lacking,
        "rejected": [rejected_row(bad) for bad in fit.rejected],
    }


def _forms(proposal: Proposal) -> str:
    shape = proposal.shape
    words = {
        "json": "JSON",
        "framed": "in Confluent's framing",
        "other": "nothing that can be read",
        "ignored": "changes without a row",
    }
    forms = ", ".join(f"{count} {words[form]}" for form, count in shape.forms.most_common())
    names = {"cloudevents": "CloudEvents", "debezium": "Debezium's changes"}
    return forms + (f"; {names[shape.envelope]}" if shape.envelope != PLAIN else "")


def _read(fit: Fit, count: int) -> str:
    ignored = f" and {fit.ignored} ignored" * bool(fit.ignored)
    return f"{fit.events} of {count} are events{ignored}"


def _misfits(fit: Fit) -> None:
    """Print records that are no events, the first few."""
    if not fit.rejected:
        return
    print(f"{len(fit.rejected)} are none:")
    for bad in fit.rejected[:SHOWN]:
        print(f"  {bad.record.partition}:{bad.record.offset}  {bad.reason}: {bad.message}")
    if len(fit.rejected) > SHOWN:
        print(f"  … and {len(fit.rejected) - SHOWN} more: --json shows all")
