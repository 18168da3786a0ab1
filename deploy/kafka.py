"""A real Apache Kafka on loopback, for development and tests: one Java process, broker and controller in one.

Its jars come from Maven once (54 MB) into the user's cache.  A folder holds one broker:

    server.properties   what it was started with
    data/               its log
    kafka.pid           its process, while it runs
    kafka.log           what it says
"""

import base64
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import Final

from deploy.config.schema import BadConfig
from stream.kafka.broker import ready

VERSION: Final = "4.1.0"
HEAP: Final = "512m"
START_S: Final = 60.0
STOP_S: Final = 20.0

_children: dict[Path, subprocess.Popen[bytes]] = {}  # brokers that this process has started
_ARTIFACTS: Final = (
    ("org.apache.kafka", "kafka_2.13", VERSION),
    ("org.apache.kafka", "kafka-tools", VERSION),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.24.3"),
)
_PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}
num.partitions=1
auto.create.topics.enable=true
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"""


def missing() -> list[str]:
    """The required programs that are not installed, of java and mvn (which only the first start needs)."""
    wanted = ["java"] if _jars().is_dir() else ["java", "mvn"]
    return [program for program in wanted if shutil.which(program) is None]


def start(folder: Path, port: int = 9092) -> str:
    """Start a broker, or find it running; return its address once it answers.

    Args:
        folder: Where its log lies; it is kept for the next start.
        port: On 127.0.0.1; 0 takes a free one.

    Raises:
        BadConfig: Java or Maven is missing, the port is taken, or the broker does not come up.
    """
    folder = folder.expanduser().absolute()
    if running(folder):
        return address(folder)
    _check_programs()
    jars = fetch()
    port = _claim(port)
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "server.properties"
    settings.write_text(_PROPERTIES.format(port=port, controller=_claim(0), data=folder / "data"))
    if not (folder / "data" / "meta.properties").exists():
        _format(jars, settings)
    command = [*_java(jars), f"-Xmx{HEAP}", f"-Xms{HEAP}", "kafka.Kafka", str(settings)]
    with open(folder / "kafka.log", "ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=folder
        )
    _children[folder] = process
    (folder / "kafka.pid").write_text(f"{process.pid}\n")
    where = f"127.0.0.1:{port}"
    limit = time.monotonic() + START_S
    while not ready(where, wait_s=0.5):
        code = process.poll()
        if code is not None or time.monotonic() > limit:
            stop(folder)
            what = f"ended with code {code}" if code is not None else f"was not ready in {START_S:.0f} s"
            raise BadConfig(f"Kafka {what}; {folder}/kafka.log ends:\n{_tail(folder / 'kafka.log')}")
    return where


def stop(folder: Path) -> bool:
    """Stop the broker of a folder and wait until it has ended; return whether there was one."""
    folder = folder.expanduser().absolute()
    pid = _pid(folder)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        limit = time.monotonic() + STOP_S
        while _pid(folder) is not None:
            if time.monotonic() > limit:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
    (folder / "kafka.pid").unlink(missing_ok=True)
    if folder in _children:
        _children.pop(folder).wait()
    return pid is not None


def running(folder: Path) -> bool:
    """Whether the broker of a folder runs."""
    return _pid(folder.expanduser().absolute()) is not None


def address(folder: Path) -> str:
    """The address a folder's broker was last started with."""
    settings = folder.expanduser().absolute() / "server.properties"
    lines = dict(line.split("=", 1) for line in settings.read_text().splitlines())
    return lines["advertised.listeners"].removeprefix("PLAINTEXT://")


def fetch() -> Path:
    """The folder with Kafka's jars, downloaded with Maven when they are not there yet."""
    jars = _jars()
    if jars.is_dir():
        return jars
    jars.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=jars.parent) as folder:
        work = Path(folder)
        (work / "pom.xml").write_text(_pom())
        command = [
            "mvn", "-q", "-B", "-f", str(work / "pom.xml"), "dependency:copy-dependencies",
            "-DincludeScope=runtime", f"-DoutputDirectory={work / 'jars'}",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise BadConfig(
                f"Maven could not fetch Apache Kafka {VERSION} (is there a network?):\n"
                f"{(done.stdout + done.stderr)[-2000:]}"
            )
        try:
            (work / "jars").rename(jars)
        except OSError:
            if not jars.is_dir():  # nobody else was faster
                raise
    return jars


def _jars() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "riverwalk" / "kafka" / VERSION


def _java(jars: Path) -> list[str]:
    return ["java", "-cp", f"{jars}/*", "-Dorg.apache.logging.log4j.level=WARN"]


def _check_programs() -> None:
    lacking = missing()
    if lacking:
        packages = {"java": "openjdk-17-jre-headless", "mvn": "maven"}
        wanted = " ".join(packages[program] for program in lacking)
        raise BadConfig(
            f"{' and '.join(lacking)} not found: a real Kafka needs Java 17 and, the first time, Maven "
            f"(apt-get install {wanted}); without, Riverwalk has its embedded broker"
        )


def _format(jars: Path, settings: Path) -> None:
    """Prepare the log folder."""
    cluster = base64.urlsafe_b64encode(b"RW" + uuid.uuid4().bytes[2:]).decode().rstrip("=")
    command = [*_java(jars), "-Xmx128m", "kafka.tools.StorageTool", "format", "--ignore-formatted"]
    done = subprocess.run(
        [*command, "-t", cluster, "-c", str(settings)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise BadConfig(
            f"{settings.parent}: cannot be prepared for Kafka:\n{(done.stdout + done.stderr)[-2000:]}"
        )


def _claim(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as exc:
            raise BadConfig(
                f"port {port} on 127.0.0.1 cannot be used ({exc.strerror}); choose another with --port (0: a free one)"
            ) from exc
        return int(probe.getsockname()[1])


def _pid(folder: Path) -> int | None:
    """The process of a folder's broker, when it is alive and really that."""
    if folder in _children:
        _children[folder].poll()  # takes note of a child that has ended
    try:
        pid = int((folder / "kafka.pid").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if str(folder / "server.properties") in _words(pid) else None


def _words(pid: int) -> list[str]:
    """The command line of a process; empty when it has ended."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            return []
    shown = subprocess.run(["ps", "-o", "args=", "-ww", "-p", str(pid)], capture_output=True, text=True)
    return shown.stdout.split()


def _pom() -> str:
    wanted = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"
        for group, name, version in _ARTIFACTS
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>riverwalk</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies>{wanted}</dependencies></project>"
    )


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:] if log.exists() else ""
