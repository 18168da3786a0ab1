"""Models that have finished, kept."""

from pathlib import Path

import msgspec
import numpy as np

from deploy.compare.cache import Cache, checksum
from deploy.evaluate.runner import Done
from deploy.evaluate.setting import EvaluationSettings, Job

JOB = Job(EvaluationSettings(data="here"), "here/e.csv", model="ease", out="/tmp/x.npz")


def kept(folder: Path) -> Cache:
    cache = Cache(folder, "a", "0")
    cache.keep(JOB, {"ease": np.array([1.0, np.nan])}, Done(2.0, 3.0))
    return cache


def test_what_is_kept_comes_back_wherever_the_log_lies(tmp_path: Path) -> None:
    cache = kept(tmp_path)
    moved = msgspec.structs.replace(JOB, path="there/e.csv", out="", seconds=9.0)
    found = cache.found(moved)

    assert found is not None
    assert np.array_equal(found[0]["ease"], [1.0, np.nan], equal_nan=True)
    assert found[1].seconds == 2.0


def test_another_log_seed_budget_or_protocol_is_another_run(tmp_path: Path) -> None:
    cache = kept(tmp_path)
    other = msgspec.structs.replace(JOB, asked=EvaluationSettings(data="here", protocol="tgb"))

    assert cache.found(msgspec.structs.replace(JOB, seed=1)) is None
    assert cache.found(other) is None
    assert Cache(tmp_path, "b", "0").found(JOB) is None
    assert Cache(tmp_path, "a", "60").found(JOB) is None


def test_what_was_cut_short_while_it_was_written_runs_again(tmp_path: Path) -> None:
    cache = kept(tmp_path)
    place = cache.place(JOB)
    place.write_bytes(place.read_bytes()[:40])

    assert cache.found(JOB) is None


def test_nobody_else_reads_it(tmp_path: Path) -> None:
    kept(tmp_path / "new")

    assert (tmp_path / "new").stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "new").iterdir())


def test_a_checksum_is_of_what_is_in_the_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("1")
    (tmp_path / "c").write_text("2")

    assert checksum([tmp_path / "a"]) == checksum([tmp_path / "b"]) != checksum([tmp_path / "c"])
