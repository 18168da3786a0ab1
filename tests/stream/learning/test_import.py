"""Only where something is learned PyTorch is loaded: an ingest, a reader, and a learner that learns nothing, do without."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "stream.ingest.ingest",
        "stream.answer.reader",
        "stream.learning.follower",
        "deploy.service.learner",
        "deploy.service.ingest",
    ],
)
def test_no_torch_is_loaded(module: str) -> None:
    code = f"import sys, {module}; print(sorted({{'torch', 'torch_geometric'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
