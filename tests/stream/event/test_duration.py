"""Durations as text: what one writer renders, and all that was ever accepted, reads."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.cli.option import duration as seconds
from deploy.config.schema import BadConfig
from deploy.produce.speed import Speed, parse
from state.record.layout import FOREVER
from stream.answer.rule import ttl
from stream.catalogue.filter import parse as filter
from stream.error import BadRequest
from stream.event.duration import FOREVER_MS, PATTERN, UNIT_MS, Duration, duration, milliseconds

HOUR_MS = 3_600_000
ACCEPTED = {
    "90s": 90_000, "30m": 30 * 60_000, "1h": HOUR_MS, "1.5h": 1.5 * HOUR_MS, "7d": 168 * HOUR_MS, "4w": 672 * HOUR_MS,
    "7D": 168 * HOUR_MS, "0.5d": 12 * HOUR_MS, "999999.999s": 999_999_999, ".5h": HOUR_MS / 2, "5.h": 5 * HOUR_MS,
    "1e3s": 1_000_000, "+2m": 120_000, "2 m": 120_000, " 2m ": 120_000,
}  # fmt: skip


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(sorted(UNIT_MS)))
def test_a_duration_that_is_rendered_reads_back(count: float, unit: str) -> None:
    written = Duration(count + 0.0, unit)

    read = duration(str(written))

    assert read == written if abs(float(written)) < float("inf") else read is None


@pytest.mark.parametrize(("text", "ms"), ACCEPTED.items())
def test_all_that_was_accepted_somewhere_is_accepted(text: str, ms: float) -> None:
    read = duration(text)

    assert read is not None
    assert float(read) == ms
    assert milliseconds("HALFLIFE", text) == round(ms)


def test_every_place_reads_the_same_grammar() -> None:
    assert re.fullmatch(PATTERN, "1.5h")  # the configuration
    assert ttl({"view": "1.5h"})[0] == 1.5 * HOUR_MS
    assert ttl({"view": "forever", "click": "Never"}).tolist()[:2] == [FOREVER, 0]
    assert filter("age < 1.5h").text == "age < 1.5h"
    assert filter("age < 7D").text == "age < 7d"
    assert parse("60s") == Speed("span", 60.0)
    assert parse("1.5 h") == Speed("span", 5_400.0)
    assert parse("1d") == Speed("span", 86_400.0)
    assert (parse("5000"), parse("5000/s"), parse("100x")) == (
        Speed("rate", 5_000.0),
        Speed("rate", 5_000.0),
        Speed("factor", 100.0),
    )
    assert [seconds(text) for text in ("90", "90s", "2 m", "1h", "0.5d", None)] == [
        90,
        90,
        120,
        3_600,
        43_200,
        None,
    ]


@pytest.mark.parametrize(
    "text", ["", "7", "soon", "7x", "h", "1h30m", "nan d", "1e999d", "١d", "-1h", "9" * 80 + "s"]
)
def test_anything_else_is_refused_and_says_what_is_one(text: str) -> None:
    with pytest.raises(
        BadRequest, match=r"HALFLIFE is '.*; wanted a duration such as 90s, 30m, 1h, 7d or 4w, at most"
    ):
        milliseconds("HALFLIFE", text, most=FOREVER_MS)
    with pytest.raises(BadRequest, match="wanted forever, never, or a duration such as 90s"):
        milliseconds("SEEN: view", text, forever=1)


@pytest.mark.parametrize("text", ["soon", "-1s", "7x", ""])
def test_an_end_that_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(BadConfig, match="is no duration; wanted a duration such as 90s"):
        seconds(text)
