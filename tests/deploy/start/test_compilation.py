"""How far the start of an instance is."""

import pytest

from deploy.machine import kernel
from deploy.start.compilation import Compilation


def names() -> list[tuple[str, str]]:
    return [(part, name) for part in (kernel.INGEST, kernel.SERVE) for name in kernel.PARTS[part]]


def test_a_start_tells_how_many_kernels_are_there_until_all_are() -> None:
    one = Compilation(lambda line: None)
    one.begin()
    told = []
    for role, name in names():
        one.note(role, name, compiled=False)
        told.append(one.text)

    assert told[0].endswith(f" 1 of {len(names())} kernels")
    assert told[-2].endswith(f" {len(names()) - 1} of {len(names())} kernels")
    assert told[-1] == ""


def test_a_kernel_of_several_readers_counts_once_and_of_another_part_not_at_all() -> None:
    one = Compilation(lambda line: None)
    one.begin()
    role, name = names()[-1]
    one.note(role, name, compiled=True)
    one.note(f"{role}-2", name, compiled=False)
    one.note("learner", "tgn.training.optimizer.adam", compiled=True)

    assert one.done == {(role, name)}


def test_what_is_compiled_after_the_start_is_told_and_what_is_loaded_is_not() -> None:
    lines: list[str] = []
    one = Compilation(lines.append)
    one.begin()
    one.end(None)
    lines.clear()
    one.note("serve", "state.retrieval.similar.similar", compiled=True)
    one.note("serve", "state.ranking.request.order", compiled=False)
    one.close()

    assert lines == ["serve: compiled state.retrieval.similar.similar, which was wanted for the first time"]


def test_a_first_start_says_that_it_compiles(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    lines: list[str] = []
    one = Compilation(lines.append)
    one.begin()

    assert lines[0].startswith("compiling kernels (first start")
