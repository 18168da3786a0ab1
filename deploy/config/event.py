"""What reads the records of the events topic, by the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.config.schema import Config
from stream.event.batch import Decode
from stream.event.event import decode
from stream.event.mapping import NATIVE, Mapping

if TYPE_CHECKING:
    from stream.registry.framed import Framed


def decoder(config: Config) -> Decode:
    """Return what reads a record: our own form, unless `[event]` says another one."""
    told = config.event
    if told == NATIVE:
        return decode
    from stream.event.mapped import Mapped

    return Mapped(told, framed(told))


def framed(mapping: Mapping) -> Framed | None:
    """Return what reads records that are framed with a schema; None where no registry is named."""
    if not mapping.registry:
        return None
    from stream.registry.client import Client
    from stream.registry.framed import Framed

    return Framed(Client(mapping.registry, mapping.registry_user, mapping.registry_password))
