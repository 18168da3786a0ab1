"""What an operator asks of a running instance: its settings in force, and the versions it runs on."""

from __future__ import annotations

from typing import Any

import msgspec


class Setting(msgspec.Struct, frozen=True):
    """A setting; a secret shows neither value.

    Fields:
        changed: Whether it differs from its default.
    """

    name: str
    value: Any
    default: Any
    changed: bool


class About(msgspec.Struct, frozen=True):
    """Settings in the order of `deploy/riverwalk.toml`, and versions by the name of the program or package."""

    settings: list[Setting] = []
    versions: dict[str, str] = {}
