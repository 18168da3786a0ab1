"""What each part of an instance compiles is what the list of kernels says."""

import json
import subprocess
import sys

import pytest

from deploy.machine import kernel


def named(part: str) -> set[str]:
    """The kernels that a process calls which compiles a part."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "deploy.start.warming", part], capture_output=True, text=True, check=True
    )
    return {json.loads(line)["name"] for line in done.stdout.splitlines()}


@pytest.mark.parametrize(
    "part", [kernel.INGEST, kernel.SERVE, kernel.REST, pytest.param(kernel.LEARN, marks=pytest.mark.slow)]
)
def test_a_part_calls_its_kernels_and_none_that_is_not_in_the_list(part: str) -> None:
    called = named(part)

    assert set(kernel.PARTS[part]) <= called
    assert called <= {name for names in kernel.PARTS.values() for name in names}
