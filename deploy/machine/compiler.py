"""Compile kernels once: helpers without an entry of their own, and never the same kernel in two processes at a time.

numba gives every function it compiles an entry for Python, machine code and a full optimization, and does all of it
again where another function calls it.  Here a function that is compiled because another one calls it is only translated,
and is optimized with its caller; it gets an entry when Python calls it.  That halves the time.

    Python calls a kernel   loaded from the cache, else compiled as a whole and kept there
    a kernel calls another  loaded from the cache, else translated into its caller, and kept with it

What two processes want at once one of them compiles: it holds a lock in the cache folder, and the other one then loads it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from numba.core import codegen, compiler, dispatcher, errors, event, sigutils
from numba.core.compiler_lock import global_compiler_lock

HELPER = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
ENTRY = {"no_cfunc_wrapper": True}


class Done(NamedTuple):
    """A kernel that Python may call from now on: its name, whether it was compiled, and how long that took."""

    name: str
    compiled: bool
    seconds: float


class Translation(codegen.JITCodeLibrary):  # type: ignore[misc]
    """The code of a function that others call: neither optimized nor made executable before it is part of a caller."""

    @property
    def codegen(self) -> Any:
        """What it is executed with: nothing, so there is no address to write an environment to."""
        return _NoEnvironment(self._codegen)

    def finalize(self) -> None:
        """Take in what it calls."""
        self._raise_if_finalized()  # type: ignore[no-untyped-call]
        for library in dict.fromkeys(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalize_dynamic_globals()  # type: ignore[no-untyped-call]
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """Return that there is no machine code."""
        self._ensure_finalized()  # type: ignore[no-untyped-call]
        return 0

    def _optimize_functions(self, module: Any) -> None:
        module.data_layout = self._codegen._data_layout


class _NoEnvironment:
    def __init__(self, target: Any) -> None:
        self._target = target

    def set_env(self, name: str, environment: Any) -> None:
        """Write none."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)


class _Translator(compiler.Compiler):  # type: ignore[misc]
    """The usual compiler, into a `Translation`."""

    def __init__(
        self, typing: Any, target: Any, library: Any, args: Any, result: Any, flags: Any, names: Any
    ) -> None:
        if library is None:
            library = Translation(target.codegen(), "helper")  # type: ignore[no-untyped-call]
            library.enable_object_caching()
        super().__init__(typing, target, library, args, result, flags, names)  # type: ignore[no-untyped-call]


class Compiler:
    """How numba's dispatchers compile once `install` was called; one in a process, under numba's own lock."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[Done], None]] = []
        self.admit: Callable[[str], None] = lambda name: None
        self._called = False  # by another function that is being compiled, which needs no entry

    def template(self, one: Any, args: Any, names: Any) -> Any:
        """Find the types of a call in another kernel; what is called is compiled on the way."""
        with global_compiler_lock:
            before, self._called = self._called, True
            try:
                return _TEMPLATE(one, args, names)
            finally:
                self._called = before

    def compile(self, one: Any, signature: Any) -> Any:
        """Return the entry of a dispatcher for a signature."""
        with global_compiler_lock:
            called, self._called = self._called, False
            try:
                args, result = sigutils.normalize_signature(signature)  # type: ignore[no-untyped-call]
                known = one.overloads.get(tuple(args))
                if known is not None:
                    if called or not isinstance(known.library, Translation):
                        return known.entry_point
                    del one.overloads[tuple(args)]
                if not one._can_compile:
                    raise RuntimeError("compilation disabled")
                with one._compiling_counter:
                    if called:
                        return self._translated(one, signature, args, result)
                    return self._entered(one, signature, args, result)
            finally:
                self._called = called

    def _translated(self, one: Any, signature: Any, args: Any, result: Any) -> Any:
        found = self._loaded(one, signature)
        if found is None:
            found = self._compiled(one, args, result, HELPER, _Translator)
            one.overloads[tuple(args)] = found  # and not among what Python calls
        return found.entry_point

    def _entered(self, one: Any, signature: Any, args: Any, result: Any) -> Any:
        begin, compiled = time.perf_counter(), False
        name = f"{one.py_func.__module__}.{one.py_func.__qualname__}"
        found = self._loaded(one, signature)
        if found is None:
            self.admit(name)
            with _claimed(one, str(signature)):
                found = self._loaded(one, signature)  # by now another process may have compiled it
                if found is None:
                    compiled = True
                    found = self._compiled(one, args, result, ENTRY, None)
                    one.add_overload(found)
                    with _claimed(one, ""):
                        one._cache.save_overload(signature, found)
        for listener in self.listeners:
            listener(Done(name, compiled, time.perf_counter() - begin))
        return found.entry_point

    def _loaded(self, one: Any, signature: Any) -> Any:
        found = one._cache.load_overload(signature, one.targetctx)
        if found is None:
            one._cache_misses[signature] += 1
            return None
        one._cache_hits[signature] += 1
        one.targetctx.insert_user_function(found.entry_point, found.fndesc, [found.library])
        one.add_overload(found)
        return found

    def _compiled(
        self, one: Any, args: Any, result: Any, options: dict[str, bool], pipeline: type[Any] | None
    ) -> Any:
        work = one._compiler
        before = work.pipeline_class, work.targetoptions
        if pipeline is not None and work.pipeline_class is compiler.Compiler:
            work.pipeline_class = pipeline
        work.targetoptions = {**work.targetoptions, **options}
        told = {"dispatcher": one, "args": args, "return_type": result}
        try:
            with event.trigger_event("numba:compile", data=told):
                return work.compile(args, result)
        except errors.ForceLiteralArg as exc:
            raise exc.bind_fold_arguments(lambda a, k: work.fold_argument_types(a, k)[1]) from exc
        finally:
            work.pipeline_class, work.targetoptions = before


@contextmanager
def _claimed(one: Any, what: str) -> Iterator[None]:
    """Hold the lock of a kernel, or of one of its signatures, while the block runs; without a cache there is none."""
    folder = getattr(one._cache, "_cache_path", None)
    if folder is None:
        yield
        return
    name = f"{one.py_func.__module__}.{one.py_func.__qualname__}{what}"
    path = Path(folder) / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.lock"
    lock = -1
    with suppress(OSError):  # a cache that cannot be written holds none
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if lock >= 0:
            os.close(lock)


_TEMPLATE: Any = dispatcher.Dispatcher.get_call_template
_COMPILER = Compiler()


def install() -> None:
    """Have this process compile kernels like that."""
    patched: Any = dispatcher.Dispatcher
    patched.get_call_template = lambda one, args, names: _COMPILER.template(one, args, names)
    patched.compile = lambda one, signature: _COMPILER.compile(one, signature)


def watch(tell: Callable[[Done], None]) -> None:
    """Call `tell` with every kernel that Python may call from now on."""
    _COMPILER.listeners.append(tell)


def guard(admit: Callable[[str], None]) -> None:
    """Call `admit` with the name of every kernel before it is compiled; it raises where that is not to be."""
    _COMPILER.admit = admit
