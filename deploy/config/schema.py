"""Configuration schema: one frozen struct in sections, every key with its default and bounds.

`deploy/config/loader.py` fills it from flags, environment and file. Units are in the names. Where a room keeps its
settings as a struct, that struct is the section.
"""

from typing import Annotated, Literal

import msgspec

from state.record.setting import Decay, Graph
from stream.answer.setting import AnswerSettings
from stream.event import duration
from stream.event.mapping import Mapping

Positive = Annotated[int, msgspec.Meta(ge=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Above = Annotated[float, msgspec.Meta(gt=0)]
Keep = Annotated[
    str, msgspec.Meta(pattern=rf"^(forever|never|{duration.PATTERN})$")
]  # how long something holds
MOST_READERS = 64
MAX_NAME = 249  # characters of a topic's name, for Kafka
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME, pattern=r"^[a-zA-Z0-9._-]+$")]
Derived = Annotated[
    str, msgspec.Meta(max_length=MAX_NAME, pattern=r"^[a-zA-Z0-9._-]*$")
]  # empty: by the topic


Origin = Annotated[
    str, msgspec.Meta(pattern=r"^(\*|https?://[^/\s?#]+)$")
]  # of a page, as its browser tells it


class BadConfig(Exception):
    """The configuration cannot be used: end the program and tell the operator what to change."""


class Kafka(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where events come from. An empty address means the log in the state folder.

    The topics beside that of events are named after it unless they are given: `shop.dead` and `shop.items` for `shop`.
    """

    address: str = ""
    topic: Name = "events"
    dead_letter: Derived = ""
    items: Derived = ""
    on_gap: Literal["stop", "skip"] = "stop"
    future_minutes: Above = 10.0
    once_hours: Annotated[float, msgspec.Meta(ge=0)] = 168.0
    start: Literal["earliest", "latest"] = "earliest"
    options: dict[str, str] = {}

    def __post_init__(self) -> None:
        """Name the topics that are not given."""
        for field, ending in (("dead_letter", "dead"), ("items", "items")):
            msgspec.structs.force_setattr(self, field, getattr(self, field) or f"{self.topic}.{ending}")


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where things are remembered. `live` holds the tables processes share; empty picks /dev/shm."""

    folder: Annotated[str, msgspec.Meta(min_length=1)] = "riverwalk-state"
    save_ms: Count = 1_000
    sync: Literal["batch", "interval"] = "batch"
    sync_seconds: Above = 1.0
    live: str = ""
    max_users: Positive = 4_000_000
    max_items: Positive = 1_000_000


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many events, or how long a wait, make a batch; and how long it is from one to the next, unless it was full."""

    events: Positive = 16_384
    wait_ms: Count = 10
    pace_ms: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 8


class Learn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is learned online, in a process of its own: by the network from all events it keeps up with, by the ranker
    from a share of them, at most so many of a batch; and how many of both may wait."""

    enabled: bool = True
    events_per_batch: Positive = 512
    ranked_share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.25
    lane_events: Annotated[int, msgspec.Meta(ge=1024, le=1 << 24)] = 1 << 19
    lane_samples: Annotated[int, msgspec.Meta(ge=16, le=1 << 16)] = 256
    seed: Count = 0
    save_seconds: Above = 10.0
    loss: Literal["softmax", "bpr", "nce"] = "softmax"
    negatives: Literal["mixed", "uniform", "popularity", "hard"] = "mixed"
    memory: bool = True
    item_columns: str = ""
    user_columns: str = ""
    columns: Positive = 16


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long an event of each kind keeps its item out of the user's answers: `forever`, `never`, or such as `30d`."""

    view: Keep = "forever"
    click: Keep = "forever"
    like: Keep = "forever"
    dislike: Keep = "forever"
    purchase: Keep = "forever"
    watch: Keep = "forever"


class Serve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where questions are answered, and by how many processes (0: cores less two). Port 0 picks a free one."""

    host: Annotated[str, msgspec.Meta(min_length=1)] = "127.0.0.1"
    port: Port = 7878
    http_port: Port = 7879
    password: str = ""
    password_file: str = ""
    writer_password: str = ""
    reader_password: str = ""
    admin_token: str = ""
    writer_token: str = ""
    reader_token: str = ""
    cors_origins: tuple[Origin, ...] = ()
    unix: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    readers: Annotated[int, msgspec.Meta(ge=0, le=MOST_READERS)] = 0
    max_clients: Positive = 1024
    idle_seconds: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    messages_per_second: Annotated[float, msgspec.Meta(gt=0, le=1_000)] = 10.0
    ready_lag: Count = 10_000
    hang_seconds: Above = 30.0


class Log(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the processes report (`auto` is text for a terminal and JSON otherwise), and what the log of events keeps."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"
    retention_hours: Above = 672.0
    retention_mib: Positive = 10_240


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set, in sections."""

    kafka: Kafka = Kafka()
    event: Mapping = Mapping()
    state: State = State()
    batch: Batch = Batch()
    learn: Learn = Learn()
    decay: Decay = Decay()
    graph: Graph = Graph()
    seen: Seen = Seen()
    answer: AnswerSettings = AnswerSettings()
    serve: Serve = Serve()
    log: Log = Log()


def encode(config: Config) -> bytes:
    """The configuration as one line of JSON, secrets included: for a pipe, never for a command line."""
    return msgspec.json.encode(config)


def decode(line: bytes) -> Config:
    """The configuration that `encode` wrote."""
    try:
        return msgspec.json.decode(line, type=Config)
    except msgspec.MsgspecError as exc:
        raise BadConfig(f"configuration handed to a process: {exc}") from exc
