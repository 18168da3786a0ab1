"""The OpenAPI document against the endpoint itself: schemathesis makes requests from it and judges the replies."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.fixture.service.served import Served

# The grammar of a filter and the fields that items have are beyond a schema, so some requests it makes are refused.
BEYOND = "positive_data_acceptance"


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    one = Served(tmp_path_factory.mktemp("openapi") / "state")
    one.until("serve: ready")
    yield one
    one.close()


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("schemathesis") is None, reason="schemathesis is not installed")
def test_no_request_made_from_the_document_finds_a_fault(served: Served) -> None:
    port = served.until(r"http://127\.0\.0\.1:(\d+)/")[1]
    words = ["--max-examples", "10", "--exclude-checks", BEYOND, "--generation-deterministic", "--no-color"]
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{port}/v1/openapi.json", *words],
        capture_output=True,
        text=True,
        timeout=400,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"(\d+) generated, \1 passed", done.stdout), done.stdout
