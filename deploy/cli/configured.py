"""Commands that run on a configuration: the flags they share, declared once."""

import inspect
from collections.abc import Callable
from functools import wraps
from inspect import Parameter
from typing import Any, Final

from deploy.cli.option import File, Folder, Host, HttpPort, Kafka, Port, Set, Topic, settings

FLAGS: Final[dict[str, Any]] = {  # by the name of the setting
    "kafka.address": ("kafka", Kafka),
    "kafka.topic": ("topic", Topic),
    "state.folder": ("state", Folder),
    "serve.host": ("host", Host),
    "serve.port": ("port", Port),
    "serve.http_port": ("http_port", HttpPort),
}


def configured(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command `--config`, `--set` and the flags of some settings; it gets a `Config` as its first argument."""
    shared = {"config": File, **dict(FLAGS[name] for name in names), "set": Set}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**given: Any) -> None:
            taken = {name: given.pop(name, None) for name in shared}
            flags = {name.replace(".", "__"): taken[FLAGS[name][0]] for name in names}
            command(settings(taken["config"], taken["set"], **flags).config, **given)

        own = list(inspect.signature(command).parameters.values())[1:]
        more = [
            Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=kind)
            for name, kind in shared.items()
        ]
        both = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in own] + more
        run.__dict__["__signature__"] = inspect.Signature(both)
        run.__annotations__ = {one.name: one.annotation for one in both}
        del run.__dict__["__wrapped__"]  # typer reads the signature made here
        return run

    return decorate
