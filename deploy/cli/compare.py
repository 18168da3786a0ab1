"""The `compare` command: its options are the fields of `CompareSettings`."""

from __future__ import annotations

from deploy.cli.evaluate import taking
from deploy.cli.option import Json
from deploy.compare.setting import CompareSettings


@taking(CompareSettings, json=Json)
def compare(asked: CompareSettings, json: bool = False) -> None:
    """Compare every model of the field on your own log: quality beside cost, and what each step buys, in words."""
    from deploy.compare import comparison as body

    body.run(asked, as_json=json)
