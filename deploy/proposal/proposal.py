"""`riverwalk doctor --sample`: which `[event]` section reads the records of a topic, and how sure that is."""

from __future__ import annotations

import time
from typing import Any, Final, NamedTuple

import msgspec

from deploy.config.event import decoder, framed
from deploy.config.schema import Config
from deploy.proposal.role import Found, found, kinds, time_unit
from deploy.proposal.sample import Sample
from deploy.proposal.shape import PLAIN, Shape, shown
from stream.error import BadSource
from stream.event.batch import Decode, Rejected, decode_batch
from stream.event.event import decode
from stream.event.field import short
from stream.event.mapped import Mapped
from stream.event.mapping import NATIVE, STAMP, Mapping

WELL: Final = 0.95  # share of records that are events, from which on a mapping needs no better one
NEEDED: Final = ("user", "item", "t")
STAMPED: Final = 0.5  # how sure it is that a record's own time is the event's


class Fit(NamedTuple):
    """How many records are events by a mapping, how many need not be, and those that are none."""

    events: int
    ignored: int
    rejected: list[Rejected]


class Proposal(msgspec.Struct, frozen=True):
    """What reads a sample.

    Args:
        now: What the configuration in force makes of it.
        mapping: What is proposed; None where nothing better is found, with why in `lacking`.
        places: Where each role stands, and how sure that is.
        strange: Types that are not known, and how often each occurs.
    """

    sample: Sample
    shape: Shape
    now: Fit
    mapping: Mapping | None = None
    fit: Fit | None = None
    places: dict[str, Found] = {}
    strange: dict[str, int] = {}
    lacking: str = ""

    @property
    def well(self) -> bool:
        """Whether what is in force reads the sample."""
        count = len(self.sample.records)
        return count > 0 and self.now.events + self.now.ignored >= WELL * count


def propose(config: Config, sample: Sample) -> Proposal:
    """Find the mapping that reads most of a sample."""
    future_ms = round(config.kafka.future_minutes * 60_000)
    now_ms = time.time_ns() // 1_000_000
    trouble = ""
    shape = Shape(sample.records)
    now = Fit(0, 0, [])
    try:
        now = _fit(sample, decoder(config), now_ms, future_ms)
        if config.event.registry:
            shape = Shape(sample.records, framed(config.event))
    except BadSource as exc:
        trouble = str(exc)
    proposal = Proposal(sample, shape, now)
    if trouble or proposal.well or not sample.records:
        return msgspec.structs.replace(proposal, lacking=trouble)
    places = found(shape, now_ms)
    lacking = _lacking(shape, places)
    if lacking:
        return msgspec.structs.replace(proposal, places=places, lacking=lacking)
    mapping, strange = _mapping(config, shape, places, now_ms)
    if "t" not in places:
        places["t"] = Found(
            mapping.t if mapping.t == STAMP else f"the {shape.envelope} envelope's",
            STAMPED if mapping.t == STAMP else 1.0,
        )
    reads = decode if mapping == NATIVE else Mapped(mapping, framed(mapping))
    fit = _fit(sample, reads, now_ms, future_ms)
    return msgspec.structs.replace(proposal, mapping=mapping, fit=fit, places=places, strange=strange)


def _fit(sample: Sample, reads: Decode, now_ms: int, future_ms: int) -> Fit:
    batch, rejected = decode_batch(sample.records, now_ms, future_ms, reads)
    return Fit(batch.size, len(sample.records) - batch.size - len(rejected), rejected)


def _lacking(shape: Shape, places: dict[str, Found]) -> str:
    """Return what is missing to read these records; empty where nothing is."""
    if not shape.count:
        seen = shape.unread[0][1] if shape.unread else "they leave no row"
        return f"no record could be read: {seen}"
    missing = [role for role in ("user", "item") if role not in places]
    if not missing:
        return ""
    fields = "; ".join(
        f"{place}, such as {shown(values[0])}"
        for place, values in list(shape.values.items())[:20]
        if place not in {one.place for one in places.values()}
    )
    return f"no field looks like the {' and the '.join(missing)}: name it in [event]; there are {fields or 'no fields'}"


def _mapping(
    config: Config, shape: Shape, places: dict[str, Found], now_ms: int
) -> tuple[Mapping, dict[str, int]]:
    """Return the mapping of these places, and the types that are not known."""
    told: dict[str, Any] = {role: one.place for role, one in places.items()}
    if "t" in places:
        told["time_unit"] = time_unit(shape.values[places["t"].place], now_ms) or "ms"
        if told["time_unit"] == "iso":
            del told["time_unit"]  # text is read with any unit
    elif shape.envelope == PLAIN or not shape.stamped:
        told["t"] = STAMP
    strange: dict[str, int] = {}
    if "type" in places:
        told["kinds"], strange = kinds(shape.values[places["type"].place])
    elif shape.types:
        told["kinds"], strange = kinds(shape.types)
    for role in ("id", "value", "source"):  # a usual name that holds something else
        if role not in places and role in shape.values:
            told[role] = ""
    if shape.envelope != PLAIN and len(shape.envelopes) == 1:
        told["envelope"] = shape.envelope
    event = config.event
    told |= {
        name: getattr(event, name) for name in ("registry", "registry_user", "registry_password", "weights")
    }
    return Mapping(**told), strange


def toml(proposal: Proposal) -> str:
    """Return the section to paste."""
    mapping = proposal.mapping
    assert mapping is not None
    lines = ["[event]"]
    for field in msgspec.structs.fields(Mapping):
        name, value = field.name, getattr(mapping, field.name)
        place = proposal.places.get(name)
        if name in ("kinds", "weights", "registry_password") or (
            value == getattr(NATIVE, name) and place is None
        ):
            continue
        line = f"{name} = {_quoted(value)}"
        if value == "" and name in ("id", "value", "source"):
            line = f"{line:<28}# their field of this name seems to be something else"
        elif place is not None:
            lines += [f"{line:<28}# {_why(proposal, place)}"] if value in (place.place, STAMP) else []
            continue
        lines.append(line)
    if mapping.kinds or proposal.strange:
        lines += ["", "[event.kinds]"]
        lines += [f"{_key(theirs)} = {_quoted(ours)}" for theirs, ours in mapping.kinds.items()]
        lines += [
            f'# {_key(theirs)} = "ignore"   # not known, in {count} records; or one of ours'
            for theirs, count in sorted(proposal.strange.items(), key=lambda one: -one[1])[:20]
        ]
    if mapping.weights:
        lines += [
            "",
            "[event.weights]",
            *(f"{_key(kind)} = {weight}" for kind, weight in mapping.weights.items()),
        ]
    return "\n".join(lines)


def _why(proposal: Proposal, place: Found) -> str:
    shape = proposal.shape
    sure = f"{100 * place.confidence:.0f} % sure"
    if place.place not in shape.values:
        return f"{sure}; when the record was written, as no field looks like a time"
    values = list(dict.fromkeys(shape.values[place.place]))[:3]
    told = f"in {len(shape.values[place.place])} of {shape.count}, such as {', '.join(map(shown, values))}"
    return f"{sure}; {told}"


def rejected_row(bad: Rejected) -> dict[str, Any]:
    """Return a record that is no event as a JSON object."""
    record = bad.record
    return {
        "partition": record.partition,
        "offset": record.offset,
        "reason": bad.reason,
        "message": bad.message,
        "begins": short(record.payload, 120),
    }


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _key(text: str) -> str:
    """Return a key of TOML, in quotes where it needs them."""
    return (
        text
        if text and all(one.isascii() and (one.isalnum() or one in "_-") for one in text)
        else _quoted(text)
    )
