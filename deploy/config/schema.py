"""What an operator can set: one frozen struct in sections, every key with its default and its bounds.

`deploy/config/loader.py` fills it from flags, environment and file. Units are in the names.
"""

from typing import Annotated, Literal

import msgspec

from stream.event import duration

Positive = Annotated[int, msgspec.Meta(ge=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Above = Annotated[float, msgspec.Meta(gt=0)]
NotBelow = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Keep = Annotated[
    str, msgspec.Meta(pattern=rf"^(forever|never|{duration.PATTERN})$")
]  # how long something holds
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=249, pattern=r"^[a-zA-Z0-9._-]+$")]


class BadConfig(Exception):
    """The configuration cannot be used: end the program and tell the operator what to change."""


class Kafka(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where events come from. An empty address means the broker built into Riverwalk."""

    address: str = ""
    topic: Name = "events"
    dead_letter: Name = "events.dead"
    items: Name = "events.items"
    on_gap: Literal["stop", "skip"] = "stop"
    start: Literal["earliest", "latest"] = "earliest"
    options: dict[str, str] = {}


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where things are remembered. `live` holds the tables processes share; empty picks /dev/shm."""

    folder: Annotated[str, msgspec.Meta(min_length=1)] = "riverwalk-state"
    sync: Literal["batch", "interval"] = "batch"
    sync_seconds: Above = 1.0
    live: str = ""
    max_users: Positive = 4_000_000
    max_items: Positive = 1_000_000


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many events, or how long a wait, make a batch."""

    events: Positive = 16_384
    wait_ms: Count = 10


class Learn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is learned online: at most so many events of each batch, saved on a clock of its own."""

    enabled: bool = True
    events_per_batch: Positive = 512
    seed: Count = 0
    save_seconds: Above = 10.0
    loss: Literal["softmax", "bpr", "nce"] = "softmax"
    negatives: Literal["mixed", "uniform", "popularity", "hard"] = "mixed"
    memory: bool = True
    item_columns: str = ""
    user_columns: str = ""
    columns: Positive = 16


class Decay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How fast counts fade: half-lives as multiples of the pace; a pace of 0 is the stream's own."""

    pace_seconds: NotBelow = 0.0
    half_lives: tuple[Above, Above, Above, Above, Above] = (0.03, 0.2, 1.0, 5.0, 36.0)


class Graph(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which items count as taken together, how edges of the co-watch graph fade and age, and how walks go."""

    window_hours: Above = 24.0
    half_life_paces: Above = 36.0
    aging_month_days: Above = 30.0
    aging_share: Share = 0.1
    aging_every_days: Above = 30.0
    walk_steps: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 256
    walk_restart: Share = 0.4
    walk_seeds: Annotated[int, msgspec.Meta(ge=0, le=32)] = 12
    walk_seed_decay: Share = 0.75
    walk_seeds_by: Literal["recency", "clusters"] = "recency"


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long an event of each kind keeps its item out of the user's answers: `forever`, `never`, or such as `30d`."""

    view: Keep = "forever"
    click: Keep = "forever"
    like: Keep = "forever"
    dislike: Keep = "forever"
    purchase: Keep = "forever"
    watch: Keep = "forever"


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an answer is like where the request does not say otherwise; see `stream.answer.rule`."""

    diversity: Share = 0.0
    tail: Share = 0.0
    explore: Share = 0.05
    explore_events: Positive = 5
    explore_exposures: Positive = 100


class Serve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where questions are answered. Port 0 picks a free one."""

    host: Annotated[str, msgspec.Meta(min_length=1)] = "127.0.0.1"
    port: Port = 7878
    http_port: Port = 7879
    password: str = ""
    unix: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    max_clients: Positive = 1024
    ready_lag: Count = 10_000


class Log(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the processes report: `auto` is text for a terminal and JSON otherwise."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set, in sections."""

    kafka: Kafka = Kafka()
    state: State = State()
    batch: Batch = Batch()
    learn: Learn = Learn()
    decay: Decay = Decay()
    graph: Graph = Graph()
    seen: Seen = Seen()
    answer: Answer = Answer()
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
