import pytest

from deploy.bench.bench import run
from deploy.config.schema import Config


@pytest.mark.slow
def test_an_epoch_of_lightgcn_is_several_times_faster_than_pygs_own() -> None:
    found = run("lightgcn", Config())

    assert found["pairs"] == 80_000
    assert 0 < 3 * found["epoch_s"] < found["pyg_epoch_s"]
