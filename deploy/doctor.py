"""`riverwalk doctor`: check this machine and this configuration; each finding says what to do."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import msgspec

from deploy.config.schema import BadConfig, Config, State
from deploy.machine import kernel
from deploy.service import folder, port
from deploy.service.child import machine_cores, reader_roles
from deploy.terminal.output import show
from state.error import BadStore
from stream.broker import log_address, log_folder, ready
from stream.health.readiness import Readiness

PACKAGES = (
    "confluent-kafka",
    "h11",
    "msgspec",
    "numba",
    "numpy",
    "prometheus-client",
    "rich",
    "rocksdict",
    "structlog",
    "torch",
    "torch-geometric",
    "typer",
    "uvloop",
)
SIGNS = {"ok": "✓", "note": "!", "broken": "✗"}
LIVE_MIB = 512
STATE_MIB = 1024
MEMORY_MIB = 2048
SLOW_FSYNC_MS = 50.0


class Finding(msgspec.Struct, frozen=True):
    """The result of one check, with advice where it is not ok."""

    check: str
    state: Literal["ok", "note", "broken"]
    found: str
    advice: str = ""


def examine(config: Config) -> list[Finding]:
    """Run all checks, in the order in which a start would fail on them."""
    root = Path(config.state.folder).expanduser().absolute()
    return [
        _python(),
        *_packages(),
        _kernels(),
        _processor(),
        _readers(config),
        _memory(),
        _live(config.state),
        *_state_folder(root, config),
        *_ports(config),
        _kafka(config),
        *_real_broker(),
    ]


def report(findings: list[Finding], as_json: bool) -> bool:
    """Print the findings; return whether nothing is broken."""
    well = all(finding.state != "broken" for finding in findings)
    if as_json:
        show({"ok": well, "checks": [msgspec.structs.asdict(finding) for finding in findings]}, True)
        return well
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        print(f"{SIGNS[finding.state]} {finding.check:<{width}}  {finding.found}")
        if finding.advice and finding.state != "ok":
            print(f"  {'':<{width}}  → {finding.advice}")
    print("fit to run" if well else "not fit to run: mend what is marked ✗")
    return well


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    return Finding("python", "ok" if good else "broken", found, "install Python 3.11 or newer")


def _packages() -> Iterator[Finding]:
    """Each package is imported in a process of its own, so that a crash in one is a finding too."""
    modules = {name: name.replace("-", "_") for name in PACKAGES}
    trials = {
        name: subprocess.Popen([sys.executable, "-c", f"import {module}"], stderr=subprocess.PIPE)
        for name, module in modules.items()
        if not name.startswith("torch") and find_spec(module) is not None  # torch alone takes seconds
    }
    errors = {name: trial.communicate()[1].decode(errors="replace") for name, trial in trials.items()}
    for name, module in modules.items():
        loads = find_spec(module) is not None and (name not in trials or trials[name].returncode == 0)
        yield _package(name, loads, errors.get(name, ""))


def _package(name: str, loads: bool, errors: str) -> Finding:
    try:
        found = version(name)
    except PackageNotFoundError:
        return Finding(name, "broken", "not installed", "pip install riverwalk, in an environment of its own")
    if loads:
        return Finding(name, "ok", found)
    error = errors.strip().rpartition("\n")[2] or "its module does not load"
    return Finding(name, "broken", error, f"pip install --force-reinstall {name}=={found}")


def _kernels() -> Finding:
    """Whether a start has to compile."""
    missing, place = len(kernel.missing()), kernel.place()
    found = f"{missing} are not compiled" if missing else f"compiled, in {place}"
    return Finding(
        "kernels",
        "note" if missing else "ok",
        found,
        "the first start compiles them, for about half a minute; `riverwalk warm` does it now",
    )


def _readers(config: Config) -> Finding:
    """Whether there is a core for each reader and one for ingest."""
    readers, cores = len(reader_roles(config.serve.readers)), machine_cores()
    good = readers == 1 or readers < cores
    advice = f"{cores} cores: more than {max(1, cores - 1)} take ingest's time; lower serve.readers, 0 picks"
    return Finding("readers", "ok" if good else "note", f"serve.readers: {readers}", advice)


def _processor() -> Finding:
    cores = machine_cores()
    state: Literal["ok", "note"] = "ok" if cores >= 2 else "note"
    return Finding("cores", state, str(cores), "answers wait for ingest on one core; two are better")


def _memory() -> Finding:
    mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    state: Literal["ok", "note"] = "ok" if mib >= MEMORY_MIB else "note"
    return Finding(
        "memory", state, f"{mib:,} MiB", f"ingest alone takes about 1 GiB; {MEMORY_MIB:,} MiB are wanted"
    )


def _live(state: State) -> Finding:
    """Where the shared tables go, and whether there is room."""
    path = Path(state.live).expanduser() if state.live else folder.SHARED_MEMORY
    if not path.is_dir():
        return Finding(
            "live", "note", f"{path} is missing", "the tables go into the state folder; set state.live"
        )
    free = shutil.disk_usage(path).free // 2**20
    good: Literal["ok", "broken"] = "ok" if free >= LIVE_MIB and os.access(path, os.W_OK) else "broken"
    advice = f"{LIVE_MIB} MiB are wanted: docker run --shm-size=1g, or another folder in state.live"
    return Finding("live", good, f"{path}, {free:,} MiB free", advice)


def _state_folder(root: Path, config: Config) -> Iterator[Finding]:
    """Whether the state folder can be written, is free, holds what we read, and how fast it syncs."""
    advice = "choose another folder with --state, RIVERWALK_STATE_FOLDER or state.folder"
    parent = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(parent).free // 2**20
    if not os.access(parent, os.W_OK) or not parent.is_dir():
        yield Finding("state folder", "broken", f"{root} cannot be written", advice)
        return
    room: Literal["ok", "broken"] = "ok" if free >= STATE_MIB else "broken"
    yield Finding(
        "state folder", room, f"{root}, {free:,} MiB free", f"{STATE_MIB:,} MiB are wanted; {advice}"
    )
    if root.exists():
        remembered = _remembered(root)
        yield remembered
        if remembered.state == "note":  # it is in use
            yield from _instance(root, config)
    milliseconds = _fsync_ms(parent)
    speed: Literal["ok", "note"] = "ok" if milliseconds <= SLOW_FSYNC_MS else "note"
    yield Finding(
        "fsync", speed, f"{milliseconds:.1f} ms", 'a slow disk; state.sync = "interval" groups the syncs'
    )


def _remembered(root: Path) -> Finding:
    """Whether the folder is free, and holds what this program reads."""
    try:
        lock = folder.Lock(root, "riverwalk doctor")
    except BadStore as exc:
        return Finding("state", "note", str(exc), "an instance is running here, which may be right")
    try:
        if not (root / folder.STORE).exists():
            return Finding("state", "ok", "nothing remembered yet")
        from state.storage.store import Store

        for name in (folder.STORE, folder.LEARNED):
            if (root / name).exists():
                Store(root / name).close()
    except BadStore as exc:
        what, _, advice = str(exc).partition(";")
        return Finding("state", "broken", what, advice.strip())
    finally:
        lock.close()
    return Finding("state", "ok", "can be read")


def _instance(root: Path, config: Config) -> Iterator[Finding]:
    """How an instance that runs here is, as it tells itself."""
    tables = folder.live_path(root, config.state.live) / folder.TABLE
    try:
        verdict = Readiness(tables, config.serve.ready_lag).judge({})
    except OSError:
        return
    if verdict.ready:
        yield Finding("instance", "ok", "ready")
    else:
        yield Finding("instance", "broken", verdict.reason, "operation.md, Troubles, says what to do")


def _fsync_ms(path: Path) -> float:
    """The median time of a small write that is forced to the disk."""
    times = []
    with tempfile.TemporaryFile(dir=path) as file:
        for _ in range(9):
            file.write(b"riverwalk" * 400)
            begin = time.perf_counter()
            file.flush()
            os.fsync(file.fileno())
            times.append((time.perf_counter() - begin) * 1e3)
    return sorted(times)[len(times) // 2]


def _ports(config: Config) -> Iterator[Finding]:
    serve = config.serve
    for number, setting, flag in (
        (serve.port, "serve.port", "--port"),
        (serve.http_port, "serve.http_port", "--http-port"),
    ):
        try:
            port.claim(serve.host, number, setting, flag)
        except BadConfig as exc:
            yield Finding(setting, "broken", str(exc).partition(";")[0], str(exc).partition("; ")[2])
        else:
            yield Finding(setting, "ok", f"{serve.host}:{number} is free" if number else "picks a free one")


def _kafka(config: Config) -> Finding:
    """Whether each named broker takes a connection, or the log can be read; a real exchange is left to the start."""
    address = config.kafka.address
    if not address:
        log = log_address(config.state.folder)
        if (log_folder(log) or Path()).exists() and not ready(log):
            return Finding(
                "kafka", "broken", f"{log_folder(log)}: the log cannot be read", "`riverwalk serve` says why"
            )
        return Finding("kafka", "ok", f"none is named: events are kept in {log_folder(log)}")
    for one in address.split(","):
        host, _, number = one.strip().rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(number)), timeout=3.0):
                continue
        except ValueError:
            return Finding("kafka", "broken", f"{one!r} is no host:port", "write --kafka host:port")
        except OSError as exc:
            return Finding(
                "kafka", "broken", f"{one}: {exc.strerror or exc}", "start the broker or correct --kafka"
            )
    return Finding("kafka", "ok", f"{address} takes connections")


def _real_broker() -> Iterator[Finding]:
    """What `riverwalk kafka` needs; a plain run does not."""
    for name, package in (("java", "openjdk-17-jre-headless"), ("mvn", "maven")):
        path = shutil.which(name)
        yield Finding(
            name,
            "ok" if path else "note",
            path or "not found",
            f"only `riverwalk kafka` and its tests need it: apt-get install {package}",
        )
