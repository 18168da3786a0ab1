"""Reasons in words: what was done, how long ago, and how that leads to an item."""

import pytest

from state.ranking.attribution import (
    AGAIN,
    ALIKE,
    NEAR,
    NEW,
    NEWCOMER,
    NEXT,
    POPULARITY,
    RISE,
    TOGETHER,
)
from stream.answer.reason import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    ago,
    did,
    sentence,
    short,
)
from stream.event.event import KINDS


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (-5, "just now"),
        (0, "just now"),
        (MINUTE_MS - 1, "just now"),
        (MINUTE_MS, "1 minute ago"),
        (59 * MINUTE_MS, "59 minutes ago"),
        (HOUR_MS, "1 hour ago"),
        (DAY_MS - 1, "23 hours ago"),
        (DAY_MS, "yesterday"),
        (2 * DAY_MS - 1, "yesterday"),
        (2 * DAY_MS, "2 days ago"),
        (13 * DAY_MS, "13 days ago"),
        (14 * DAY_MS, "2 weeks ago"),
        (60 * DAY_MS, "8 weeks ago"),
        (61 * DAY_MS, "2 months ago"),
        (729 * DAY_MS, "24 months ago"),
        (730 * DAY_MS, "2 years ago"),
        (50 * 365 * DAY_MS, "50 years ago"),
    ],
)
def test_an_age_is_told_in_the_unit_a_person_would_take(ms: int, words: str) -> None:
    assert ago(ms) == words


def test_every_type_of_event_has_its_verb_and_an_unknown_one_was_had() -> None:
    verbs = [did(kind) for kind in range(len(KINDS))]

    assert dict(zip(KINDS, verbs, strict=True)) == {
        "view": "viewed",
        "click": "clicked",
        "like": "liked",
        "dislike": "disliked",
        "purchase": "bought",
        "watch": "watched",
        "impression": "were shown",
    }
    assert did(-1) == "had"
    assert did(len(KINDS)) == "had"


@pytest.mark.parametrize(
    ("cause", "kind", "words"),
    [
        (TOGETHER, 4, "because you bought Red hat yesterday: often taken together"),
        (NEXT, 5, "because you watched Red hat yesterday: often taken right after it"),
        (ALIKE, 0, "because you viewed Red hat yesterday: others who took it took this, too"),
        (NEAR, -1, "because you had Red hat yesterday: close to what goes with it"),
        (AGAIN, 4, "you bought it yesterday"),
        (NEWCOMER, -1, "newcomers take it first"),
        (RISE, -1, "rising now"),
        (POPULARITY, -1, "popular"),
        (NEW, -1, "new or rarely taken"),
    ],
)
def test_a_reason_names_what_was_done_and_how_it_leads_here(cause: int, kind: int, words: str) -> None:
    assert sentence(cause, kind, 30 * HOUR_MS, "Red hat") == words


def test_a_title_is_one_line_of_80_letters_at_most() -> None:
    assert short("  Red\n hat ") == "Red hat"
    assert len(short("red hat " * 20)) <= 80
    assert short("red hat " * 20).endswith("…")
