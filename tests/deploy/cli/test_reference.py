"""The reference of commands in the documentation."""

from pathlib import Path

import deploy.cli.reference
from deploy.cli.reference import markdown
from stream.service.parameter import TABLE

FILE = Path(deploy.cli.reference.__file__).parents[1] / "docs" / "commands.md"


def test_the_reference_in_the_repository_is_what_the_table_renders() -> None:
    assert FILE.read_text() == markdown(), "python -m deploy.cli.reference > deploy/docs/commands.md"


def test_every_command_and_every_option_is_in_the_reference() -> None:
    text = FILE.read_text()

    for command in TABLE:
        section = text.partition(f"## {command.name}\n")[2].partition("\n## ")[0]
        assert command.syntax in section
        for one in command.options:
            assert f"| `{one.word}" in section
            assert one.flag in section
