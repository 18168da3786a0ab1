"""Which kernels the cache holds."""

from importlib import import_module
from pathlib import Path

import pytest

from deploy.machine import kernel


@pytest.mark.parametrize("part", kernel.PARTS)
def test_the_kernels_of_the_list_exist(part: str) -> None:
    for name in kernel.PARTS[part]:
        module, _, function = name.rpartition(".")

        assert hasattr(getattr(import_module(module), function), "overloads"), name


def test_a_kernel_is_missing_until_the_cache_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    before = kernel.missing(kernel.INGEST)
    tmp_path.joinpath("sample_1").mkdir()
    tmp_path.joinpath("sample_1", "sample.learn-0123456789.py311.nbi").touch()

    assert before == list(kernel.PARTS[kernel.INGEST])
    assert kernel.missing(kernel.INGEST) == ["state.counter.once._load"]
    assert "state.ranking.sample.learn" not in kernel.missing()
