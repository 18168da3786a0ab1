"""Load the configuration: flag over environment over file over default.

Every setting has a dotted name, `serve.port`. The same setting is `RIVERWALK_SERVE_PORT` in the environment
and `port` under `[serve]` in `riverwalk.toml`. A name nobody knows is an error with the nearest known one.
"""

import difflib
import os
import tomllib
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from deploy.config import option
from deploy.config.retired import RETIRED, refuse
from deploy.config.schema import MAX_NAME, BadConfig, Config

PREFIX = "RIVERWALK_"
FILE = "riverwalk.toml"
MASK = "•••"
SECRETS = tuple(
    f"serve.{name}"
    for name in (
        "password",
        "writer_password",
        "reader_password",
        "admin_token",
        "writer_token",
        "reader_token",
    )
)
LISTS = (
    "decay.half_lives",
    "kafka.options",
    "serve.cors_origins",
)  # which the environment and flags have as JSON


class Loaded(msgspec.Struct, frozen=True):
    """A configuration, and by dotted name where each value came from."""

    config: Config
    origin: dict[str, str]


Layer = tuple[Callable[[str], str], bool, dict[str, Any]]
SECTIONS: dict[str, Any] = {field.name: field.type for field in msgspec.structs.fields(Config)}
NAMES: dict[str, Any] = {
    f"{section}.{field.name}": field.type
    for section, struct in SECTIONS.items()
    for field in msgspec.structs.fields(struct)
}


def load(
    path: str | Path | None = None,
    env: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
) -> Loaded:
    """The configuration of this run.

    Args:
        path: A TOML file that must exist; without one, $RIVERWALK_CONFIG, else `riverwalk.toml` here if any.
        env: The environment; the process's own when left out.
        flags: Values given on the command line by dotted name; a value of None was not given.
    """
    env = os.environ if env is None else env
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for source, strict, given in _layers(path, env, flags or {}):
        for name, value in given.items():
            values[name] = _value(name, value, source(name), strict)
            origin[name] = source(name)
    sections = {
        section: struct(**{n.partition(".")[2]: v for n, v in values.items() if n.startswith(section + ".")})
        for section, struct in SECTIONS.items()
    }
    config = Config(**sections)
    _agree(config)
    option.check(config.kafka.options)
    if config.serve.password_file:
        serve = msgspec.structs.replace(config.serve, password=_secret(config.serve.password_file))
        config = msgspec.structs.replace(config, serve=serve)
        origin["serve.password"] = f"file {serve.password_file}"
    return Loaded(config, {name: origin.get(name, "default") for name in NAMES})


def get(config: Config, name: str) -> Any:
    """The value of a dotted name."""
    section, _, key = name.partition(".")
    return getattr(getattr(config, section), key)


def masked(config: Config, name: str) -> Any:
    """The value of a dotted name, fit for a screen: what is secret is hidden."""
    value = get(config, name)
    if name in SECRETS and value:
        return MASK
    if name == "kafka.options":
        words = ("password", "secret", "token", "key")
        return {k: MASK if any(word in k.lower() for word in words) else v for k, v in value.items()}
    return value


def shown(config: Config) -> list[tuple[str, Any, Any]]:
    """Every setting with its value and its default, fit for a screen."""
    usual = Config()
    return [(name, masked(config, name), get(usual, name)) for name in NAMES]


def variable(name: str) -> str:
    """The environment variable of a dotted name."""
    return PREFIX + name.replace(".", "_").upper()


def strangers(env: Mapping[str, str]) -> list[str]:
    """Variables of the environment that look like ours and set nothing."""
    known = {variable(name) for name in NAMES} | {PREFIX + "CONFIG", PREFIX + "DATA", PREFIX + "CACHE"}
    return sorted(key for key in env if key.startswith(PREFIX) and key not in known)


def _layers(path: str | Path | None, env: Mapping[str, str], flags: Mapping[str, object]) -> list[Layer]:
    """From weakest to strongest: how to name the source of a value, whether types are exact, the values."""
    file = path or env.get(PREFIX + "CONFIG") or None
    found = Path(file or FILE)
    from_file = _read(found) if file or found.is_file() else {}
    from_flags = {name: value for name, value in flags.items() if value is not None}
    for name in from_flags:
        refuse(name, name, "leave the flag out")
        if name not in NAMES:
            raise BadConfig(f"{name}: no such setting{_nearest(name, NAMES)}")
    return [
        (lambda name: f"file {found}", True, from_file),
        (lambda name: f"env {variable(name)}", False, _environment(env)),
        (lambda name: "flag", False, from_flags),
    ]


def _read(path: Path) -> dict[str, Any]:
    """The settings of a TOML file by dotted name."""
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise BadConfig(f"{path}: cannot be read ({exc.strerror}); give another file with --config") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise BadConfig(f"{path}: not TOML: {exc}") from exc
    values: dict[str, Any] = {}
    for section, table in tree.items():
        if section not in SECTIONS:
            raise BadConfig(f"{path}: unknown section [{section}]{_nearest(section, SECTIONS)}")
        if not isinstance(table, dict):
            raise BadConfig(f"{path}: {section} is a section; write [{section}] and its keys below it")
        for key, value in table.items():
            name = f"{section}.{key}"
            refuse(name, f"{path}: {name}", "remove the line")
            if name not in NAMES:
                raise BadConfig(f"{path}: unknown key {name}{_nearest(name, NAMES)}")
            values[name] = value
    return values


def _environment(env: Mapping[str, str]) -> dict[str, Any]:
    """The settings of the environment by dotted name; a variable of a known section must be a known key."""
    by_variable = {variable(name): name for name in (*NAMES, *RETIRED)}
    values: dict[str, Any] = {}
    for key in sorted(env):
        section = key.removeprefix(PREFIX).partition("_")[0].lower()
        if not key.startswith(PREFIX) or section not in SECTIONS:
            continue
        if key not in by_variable:
            raise BadConfig(f"environment: unknown variable {key}{_nearest(key, by_variable)}")
        refuse(by_variable[key], f"environment: {key}", "unset it")
        values[by_variable[key]] = env[key]
    return values


def _value(name: str, value: Any, source: str, strict: bool) -> Any:
    """A value in its own type, or BadConfig that says where it came from and what was wanted."""
    kind = NAMES[name]
    shown = MASK if name in (*SECRETS, "kafka.options") else repr(value)
    try:
        if isinstance(value, str) and name == "serve.cors_origins" and not value.lstrip().startswith("["):
            value = [one.strip() for one in value.split(",") if one.strip()]
        elif isinstance(value, str) and name in LISTS:
            value = msgspec.json.decode(value)
        return msgspec.convert(value, type=kind, strict=strict)
    except msgspec.MsgspecError as exc:
        wanted = str(exc).replace("`", "")
        if typing.get_origin(kind) is Literal:
            wanted = "one of " + ", ".join(typing.get_args(kind)) + " is wanted"
        raise BadConfig(f"{name} = {shown} ({source}): {wanted[0].lower()}{wanted[1:]}") from exc


def _secret(path: str) -> str:
    """The first line of the file of a password."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
        raise BadConfig(f"serve.password_file = {path!r}: cannot be read ({why})") from exc
    if not lines or not lines[0]:
        raise BadConfig(f"serve.password_file = {path!r}: its first line is empty; write the password there")
    return lines[0]


def _agree(config: Config) -> None:
    """Refuse settings that are fine alone and wrong together."""
    serve = config.serve
    if serve.port == serve.http_port and serve.port != 0:
        raise BadConfig(f"serve.port and serve.http_port are both {serve.port}; choose two different ports")
    if bool(serve.tls_cert) != bool(serve.tls_key):
        raise BadConfig("serve.tls_cert and serve.tls_key belong together; set both or neither")
    if serve.password and serve.password_file:
        raise BadConfig("serve.password and serve.password_file both give the password; set one of them")
    if (serve.reader_password or serve.writer_password) and not (serve.password or serve.password_file):
        raise BadConfig(
            "serve.reader_password and serve.writer_password are for users beside default; set serve.password, too"
        )
    if (serve.admin_token or serve.writer_token or serve.reader_token) and not (
        serve.password or serve.password_file
    ):
        raise BadConfig(
            "serve.admin_token, serve.writer_token and serve.reader_token go with a password; set serve.password, too"
        )
    topics = {
        "topic": config.kafka.topic,
        "dead_letter": config.kafka.dead_letter,
        "items": config.kafka.items,
    }
    for one, other in (("topic", "dead_letter"), ("topic", "items"), ("items", "dead_letter")):
        if topics[one] == topics[other]:
            raise BadConfig(f"kafka.{one} and kafka.{other} are both {topics[one]!r}; choose two topics")
    for one, name in topics.items():
        if len(name) > MAX_NAME:
            raise BadConfig(
                f"kafka.{one} would be {name!r} of {len(name)} characters, at most {MAX_NAME} are taken; "
                f"give a shorter kafka.topic, or set kafka.{one}"
            )


def _nearest(word: str, known: Any) -> str:
    """A suggestion, when something known is close."""
    key = word.rpartition(".")[2]
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    close = close or [name for name in known if name.rpartition(".")[2] == key][:1]
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(sorted(known))}"
