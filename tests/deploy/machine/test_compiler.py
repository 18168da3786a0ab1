"""Kernels are compiled once, helpers as parts of their callers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import njit

from deploy.machine import compiler
from deploy.machine.compiler import Done, Translation

KERNELS = """
from numba import njit

@njit(cache=True)
def half(x):
    if x < 0:
        raise ValueError("below 0")
    return x / 2

@njit(cache=True)
def quarter(x):
    return half(half(x))
"""
CALL = """
import sys, json
from deploy.machine import compiler
compiler.install()
told = []
compiler.watch(lambda done: told.append((done.name, done.compiled)))
import kernels
print("begun", flush=True)
sys.stdin.readline()
value = kernels.quarter(8.0)
try:
    kernels.quarter(-1.0)
    error = ""
except ValueError as exc:
    error = str(exc)
print(json.dumps([value, error, told]))
"""


def caller(folder: Path) -> "subprocess.Popen[str]":
    """A process that calls `quarter` once it is told to."""
    folder.joinpath("kernels.py").write_text(KERNELS)
    paths = os.pathsep.join([str(folder), str(Path(__file__).parents[3])])
    process = subprocess.Popen(
        [sys.executable, "-c", CALL],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, "NUMBA_CACHE_DIR": str(folder / "cache")},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def test_a_helper_has_no_entry_of_its_own_until_it_is_called() -> None:
    @njit
    def helper(x: float) -> float:
        return x + 1

    @njit
    def kernel(x: float) -> float:
        return helper(x) * 2

    told: list[Done] = []
    compiler.watch(told.append)
    value = kernel(2.0)
    (before,) = helper.overloads.values()
    own = helper(2.0)
    (after,) = helper.overloads.values()

    assert (value, own) == (6.0, 3.0)
    assert isinstance(before.library, Translation)
    assert not isinstance(after.library, Translation)
    assert [one.name.rpartition(".")[2] for one in told] == ["kernel", "helper"]


def test_a_helper_sees_the_arrays_of_its_caller_and_raises_through_it() -> None:
    @njit
    def helper(x: np.ndarray, at: int) -> None:
        if at >= x.shape[0]:
            raise IndexError("beyond the end")
        x[at] += 1

    @njit
    def kernel(x: np.ndarray, at: int) -> None:
        helper(x, at)

    x = np.zeros(3)
    kernel(x, 1)

    assert x.tolist() == [0, 1, 0]
    with pytest.raises(IndexError, match="beyond the end"):
        kernel(x, 3)


def test_of_two_processes_that_want_a_kernel_one_compiles_it(tmp_path: Path) -> None:
    callers = [caller(tmp_path), caller(tmp_path)]
    for one in callers:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    answers = [json.loads(one.communicate()[0]) for one in callers]

    assert [answer[:2] for answer in answers] == [[2.0, "below 0"]] * 2
    assert sorted(answer[2] for answer in answers) == [
        [["kernels.quarter", False]],
        [["kernels.quarter", True]],
    ]


def test_a_guard_refuses_what_is_not_to_be_compiled_now() -> None:
    @njit
    def kernel(x: float) -> float:
        return x * 3

    asked: list[str] = []

    def refuse(name: str) -> None:
        asked.append(name)
        if len(asked) == 1:
            raise InterruptedError("not now")

    compiler.guard(refuse)
    try:
        with pytest.raises(InterruptedError, match="not now"):
            kernel(1.0)
        value = kernel(1.0)
    finally:
        compiler.guard(lambda name: None)

    assert value == 3.0
    assert len(asked) == 2
