"""What reads the records of the events topic, by the configuration."""

from __future__ import annotations

from deploy.config.schema import Config
from stream.event.batch import Decode
from stream.event.event import decode
from stream.event.mapping import NATIVE


def decoder(config: Config) -> Decode:
    """Return what reads a record: our own form, unless `[event]` says another one."""
    told = config.event
    if told == NATIVE:
        return decode
    from stream.event.mapped import Mapped

    if not told.registry:
        return Mapped(told)
    from stream.registry.client import Client
    from stream.registry.framed import Framed

    return Mapped(told, Framed(Client(told.registry, told.registry_user, told.registry_password)))
