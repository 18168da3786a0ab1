"""The language of filters: what it reads, what it refuses and where, and that it can be written out again."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.catalogue.catalogue import Catalogue
from stream.catalogue.filter import MAX_CHARACTERS, MAX_NESTING, MAX_TERMS, parse
from stream.catalogue.syntax import ORDER, Group, Not, Term, moment
from stream.error import BadFilter, BadRequest
from stream.event.duration import UNIT_MS, Duration

_number = st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0) | st.integers(-99, 99).map(
    float
)
_text = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t\\\"'"), max_size=12)
_value = _number | _text | st.booleans()
_span = st.builds(Duration, st.sampled_from([0.0, 1.0, 1.5, 90.0, -2.0]), st.sampled_from(sorted(UNIT_MS)))
_field = st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True).filter(
    lambda word: word not in ("and", "or", "not", "age", "created")
)


def _one(value):
    return value.map(lambda x: (x,))


_term = (
    st.builds(Term, _field, st.sampled_from(ORDER), _one(_value))
    | st.builds(Term, _field, st.just("in"), st.lists(_value, min_size=1, max_size=3).map(tuple))
    | st.builds(Term, _field, st.sampled_from(["has", "~"]), _one(_text))
    | st.builds(Term, _field | st.just("age"), st.sampled_from(["known", "missing"]))
    | st.builds(Term, st.just("age"), st.sampled_from(ORDER), _one(_span))
    | st.builds(Term, st.just("created"), st.sampled_from(ORDER), _one(_number))
)


def _joined(word, parts):
    flat = [p for part in parts for p in (part.parts if _is(part, word) else (part,))]
    return Group(word, tuple(flat))


def _is(part, word):
    return isinstance(part, Group) and part.word == word


_node = st.recursive(
    _term,
    lambda inner: (
        inner.map(lambda part: part.part if isinstance(part, Not) else Not(part))
        | st.builds(_joined, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3))
    ),
    max_leaves=8,
).filter(lambda node: len(str(node)) <= MAX_CHARACTERS)


@given(_node)
def test_what_is_written_out_reads_as_the_same_filter(node):
    found = parse(str(node))

    assert found.root == node
    assert str(found) == str(node)
    assert found.aged == ("Term(field='age'" in repr(node))


_words = "price age created tags 'x' 5 -2.5e3 7d true and AND or not ( ) , = != < in has ~ is known missing"


def _refusal(text):
    """What is said against a text; nothing if it is a filter, which then is written out and read again."""
    try:
        found = parse(text)
    except BadRequest as exc:
        return str(exc)
    assert parse(str(found)) == found
    return ""


@given(st.lists(st.sampled_from(_words.split(" ")), max_size=12), st.sampled_from([" ", "  ", "\n"]))
def test_any_row_of_words_is_a_filter_or_refused_at_a_place_in_it(pieces, space):
    text = space.join(pieces)

    refusal = _refusal(text)

    if refusal:
        place = re.match(r"FILTER at (\d+): ", refusal)
        assert place, refusal
        assert 1 <= int(place[1]) <= len(text) + 1


@given(st.text(max_size=40))
def test_any_text_is_a_filter_or_refused_on_one_short_line(text):
    refusal = _refusal(text)

    assert refusal.startswith("FILTER at ") or not refusal
    assert refusal.isprintable()
    assert len(refusal) < 300


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (
            'category="x" and price<5 and age<7d',
            'category = "x" and price < 5 and age < 7d',
        ),
        (
            "year >= 1990 AND NOT (genre IN ('Horror','War'))",
            'year >= 1990 and not genre in ("Horror", "War")',
        ),
        ("a = 1 or b = 2 and c = 3", "a = 1 or b = 2 and c = 3"),
        ("(a = 1 or b = 2) and c = 3", "(a = 1 or b = 2) and c = 3"),
        ("((a = 1) and (b = 2 and c = 3))", "a = 1 and b = 2 and c = 3"),
        ("not not a = 1", "a = 1"),
        ("not a = 1 or b = 2", "not a = 1 or b = 2"),
        (r"""a = 'it\'s "so"\n'""", r'''a = "it's \"so\"\n"'''),
        ("created >= '1970-01-02'", "created >= 86400000"),
        ("a = 1e3 or b = .5 or c = -0", "a = 1000 or b = 0.5 or c = 0"),
        ("in in (1) and is is known and true = true", "in in (1) and is is known and true = true"),
    ],
)
def test_a_filter_is_written_out_in_one_way(text, canonical):
    assert str(parse(text)) == canonical


def test_and_binds_closer_than_or_and_not_closest():
    a, b, c = (Term(name, "known") for name in "abc")

    root = parse("not a is known and b is known or c is known").root

    assert root == Group("or", (Group("and", (Not(a), b)), c))


@pytest.mark.parametrize(
    ("unit", "ms"), [("s", 1e3), ("m", 6e4), ("h", 3.6e6), ("d", 8.64e7), ("w", 6.048e8)]
)
def test_a_duration_is_milliseconds(unit, ms):
    (value,) = parse(f"age < 1.5{unit}").root.values

    assert float(value) == 1.5 * ms


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("category < and", 'FILTER at 12: expected a value after "<", got "and" (category < ^and)'),
        ("", "FILTER at 1: expected a field (a-z, 0-9 and _, at most 32), got the end (^)"),
        ("5 < price", 'FILTER at 1: expected a field (a-z, 0-9 and _, at most 32), got "5" (^5 < price)'),
        ("Price < 5", 'FILTER at 1: expected a field (a-z, 0-9 and _, at most 32), got "Price" (^Price < 5)'),
        ("price", 'FILTER at 6: expected one of = != < <= > >= in is has ~ after "price", got the end'),
        ("price == 5", 'FILTER at 8: expected a value after "=", got "="'),
        ("price < (5)", 'FILTER at 9: expected a value after "<", got "("'),
        ("a = 1 b = 2", 'FILTER at 7: expected "and", "or" or the end, got "b"'),
        ("(a = 1", 'FILTER at 7: expected "and", "or" or the ")" of the "(" at 1, got the end'),
        ("a = 1)", 'FILTER at 6: expected "and", "or" or the end, got ")"'),
        ("a in 5", 'FILTER at 6: expected "(" after "in", got "5"'),
        ("a in ()", 'FILTER at 7: expected a value after "(", got ")"'),
        ("a in (1, )", 'FILTER at 10: expected a value after ",", got ")"'),
        ("a in (1 2)", 'FILTER at 9: expected "," or ")", got "2"'),
        ("a is 5", 'FILTER at 6: expected known or missing after "is", got "5"'),
        ("a ~ 5", 'FILTER at 5: expected text after "~", got "5"'),
        ("a has true", 'FILTER at 7: expected text after "has", got "true"'),
        ("age < 7", 'FILTER at 7: expected a duration such as 7d to compare age with, got "7"'),
        ("age < 7x", 'FILTER at 7: expected a duration such as 90s 15m 12h 7d or 4w, got "7x"'),
        ("age ~ 'x'", 'FILTER at 5: expected one of = != < <= > >= in is after "age", got "~"'),
        (
            "price < 7d",
            "FILTER at 9: expected a number or text to compare price with (durations are for age)",
        ),
        (
            "created > 'now'",
            "FILTER at 11: expected milliseconds since 1970 or ISO 8601 text to compare created",
        ),
        ("a = 1e999", 'FILTER at 5: expected a finite number, got "1e999"'),
        ('a = "x', 'FILTER at 5: this text has no end, expected another " (a = ^"x)'),
        (r'a = "\q"', "FILTER at 6: a backslash and control characters in text are written"),
        ("a = 'x\n'", "FILTER at 7: a backslash and control characters in text are written"),
        ("a ! 5", 'FILTER at 3: "!" means nothing here (a ^! 5)'),
        (
            "__import__('os')",
            'FILTER at 11: expected one of = != < <= > >= in is has ~ after "__import__", got "("',
        ),
        ("x" * 33 + " = 5", "FILTER at 1: expected a field (a-z, 0-9 and _, at most 32)"),
    ],
)
def test_a_refusal_names_the_place_and_what_was_expected(text, message):
    with pytest.raises(BadRequest, match="^" + re.escape(message)):
        parse(text)


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        (
            "a = 1" + " " * (MAX_CHARACTERS - 5),
            "a = 1" + " " * (MAX_CHARACTERS - 4),
            "FILTER at 1001: 1001 characters, expected at most 1000",
        ),
        (
            " or ".join(["a = 1"] * MAX_TERMS),
            " or ".join(["a = 1"] * (MAX_TERMS + 1)),
            "FILTER at 577: more than 64 comparisons",
        ),
        (
            "(" * MAX_NESTING + "a = 1" + ")" * MAX_NESTING,
            "(" * (MAX_NESTING + 1) + "a = 1" + ")" * (MAX_NESTING + 1),
            "FILTER at 17: nested deeper than 16 levels",
        ),
        (
            "not " * MAX_NESTING + "a = 1",
            "not " * (MAX_NESTING + 1) + "a = 1",
            "FILTER at 65: nested deeper than 16 levels",
        ),
        (
            "a in (" + ",".join(["1"] * 330) + ")",
            "a in (" + ",".join(["1"] * 360) + ")",
            "FILTER at 727: written out 1085 characters, expected at most 1000",
        ),
    ],
)
def test_a_filter_has_limits(good, bad, message):
    parse(good)

    with pytest.raises(BadRequest, match="^" + re.escape(message)):
        parse(bad)


def test_a_time_without_an_offset_is_utc():
    assert moment("2024-05-01") == moment("2024-05-01T02:00:00+02:00") == 1_714_521_600_000


def test_a_filter_on_a_field_no_item_has_names_the_nearest() -> None:
    catalogue = Catalogue()
    with pytest.raises(BadFilter, match='no item has a field "price"; no item has any field yet'):
        catalogue.check(parse("price < 5"))

    catalogue.put(1, {"price": 4.5, "title": "Lamp", "categories": ["lamp"]})
    catalogue.check(parse('price < 5 and (title ~ "a" or category = "lamp") and categories is known'))
    with pytest.raises(BadFilter, match='no item has a field "prise"; the nearest is "price"'):
        catalogue.check(parse("price < 5 or not prise < 5"))
    with pytest.raises(BadFilter, match='no item has age, as that needs a field "created"'):
        catalogue.check(parse("age < 7d"))

    catalogue.put(1, None)
    with pytest.raises(BadFilter, match="no item has any field yet"):
        catalogue.check(parse("price is missing"))


def test_category_and_categories_are_one_field() -> None:
    catalogue = Catalogue()
    catalogue.put(1, {"category": "cup"})
    catalogue.put(2, {"categories": ["cup", "blue"]})
    catalogue.put(3, {"category": "pot", "categories": ["blue"]})

    def kept(text: str) -> list[int]:
        return np.flatnonzero(catalogue.mask(parse(text), 0, 5)[:5] == 0).tolist()

    for field in ("category", "categories"):
        assert kept(f'{field} = "cup"') == [1, 2]
        assert kept(f'{field} has "blue"') == [2, 3]
        assert kept(f'{field} != "blue"') == [1]
        assert kept(f"{field} is missing") == [0, 4]
