"""Metadata of items: filters over columns equal filters over dictionaries, and records are checked once."""

import operator

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.catalogue.catalogue import MASKS, MAX_COLUMNS, MINUTE_MS, Catalogue
from stream.catalogue.filter import parse
from stream.catalogue.record import decode
from stream.catalogue.syntax import Group, Not, Term
from stream.error import BadEvent
from stream.event.duration import Duration
from stream.event.event import REASONS

NOW = 1_714_521_600_000  # a whole minute
DAY_MS = 86_400_000
ORDER = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def holds(node, item):
    """A filter on one item, as the grammar's description says it."""
    if isinstance(node, Not):
        return not holds(node.part, item)
    if isinstance(node, Group):
        return (all if node.word == "and" else any)([holds(part, item) for part in node.parts])
    assert isinstance(node, Term)
    names = ("category", "categories") if node.field.startswith("categor") else (node.field,)
    if node.field == "age":
        present = [NOW - item["created"]] if "created" in item else []
    else:
        present = [item[name] for name in names if name in item]
    if node.op in ("known", "missing"):
        return bool(present) == (node.op == "known")
    passed = [passes(node, found) for found in present]
    return any(passed) and (node.op != "!=" or all(passed))


def passes(node, found):
    """A test of one value of an item."""
    if isinstance(found, list):
        if node.op == "!=":
            return isinstance(node.values[0], str) and node.values[0] not in found
        return node.op not in ("<", "<=", ">", ">=") and any(compare(node, one) for one in found)
    return compare(node, found)


def compare(node, found):
    values = [float(value) if isinstance(value, Duration | bool) else value for value in node.values]
    values = [value for value in values if isinstance(value, str) == isinstance(found, str)]
    if found is None or not values:
        return False
    if node.op in ("in", "has"):
        return found in values
    if node.op == "~":
        return values[0].casefold() in found.casefold()
    return ORDER[node.op](found, values[0])


_text = st.sampled_from(["", "x", "X", "lamp", "Garden lamp", "straße", "STRASSE", "é"])
_number = st.sampled_from([-1, 0, 0.5, 1, 5, 1e300])
_time = st.integers(0, 20).map(lambda days: NOW - (days - 2) * DAY_MS)
_list = st.lists(_text, max_size=4)
_item = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "a": _number | _text | st.booleans() | _list,
        "b": _number,
        "category": _text | _list | _number,
        "categories": _list,
        "created": _time,
        "hidden": st.booleans() | _number,
        "available": st.booleans(),
    },
)
_field = st.sampled_from(["a", "b", "category", "categories", "none"])
_value = (_number.map(float) | _text | st.booleans()).map(lambda value: (value,))
_span = st.builds(Duration, st.integers(-2, 20).map(float), st.just("d")).map(lambda value: (value,))
_term = (
    st.builds(Term, _field, st.sampled_from(sorted(ORDER)), _value)
    | st.builds(
        Term, _field, st.just("in"), st.tuples(_number.map(float) | _text, _number.map(float) | _text)
    )
    | st.builds(Term, _field, st.sampled_from(["has", "~"]), _text.map(lambda value: (value,)))
    | st.builds(Term, _field | st.just("age"), st.sampled_from(["known", "missing"]))
    | st.builds(Term, st.just("age"), st.sampled_from(sorted(ORDER)), _span)
)
_node = st.recursive(
    _term,
    lambda inner: (
        inner.map(Not)
        | st.builds(Group, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=5,
)
_puts = st.lists(st.tuples(st.integers(0, 9) | st.sampled_from([1023, 1024, 5000]), _item), max_size=40)


def first(found):
    found = found[0] if isinstance(found, list) and found else found
    return found if isinstance(found, str) else ""


@settings(max_examples=150)
@given(_puts, st.lists(_node, min_size=1, max_size=4), st.integers(0, 40))
def test_a_catalogue_is_a_dict_of_items_and_a_mask_a_loop_over_them(puts, nodes, early):
    catalogue, items = Catalogue(), {}
    filters = [parse(str(node)) for node in nodes]
    for k, (row, item) in enumerate(puts):
        catalogue.put(row, item)
        items[row] = item
        if k >= early:
            catalogue.mask(filters[0], NOW, 10)

    rows = max(items, default=0) + 3
    for row in range(rows):
        item = items.get(row)
        fields = item or {}
        assert catalogue.get(row) == item
        name = first(fields.get("category")) or first(fields.get("categories"))
        assert catalogue.words.text[catalogue.codes(np.array([row]))[0]] == name
        assert catalogue.words.code.get(name, 0) == catalogue.codes(np.array([row]))[0]
    for filter in filters:
        mask = catalogue.mask(filter, NOW + 59_999, rows)
        wanted = [not holds(filter.root, items.get(row) or {}) for row in range(rows)]
        assert mask[:rows].tolist() == wanted, str(filter)
    assert catalogue.version == len(puts)


def barred(catalogue, text, rows, now_ms=NOW):
    return catalogue.mask(parse(text), now_ms, rows)[:rows].tolist()


def test_a_comparison_with_what_is_missing_is_false_and_its_not_is_true():
    catalogue = Catalogue()
    catalogue.put(0, {"price": 3})

    assert barred(catalogue, "price < 5", 2) == [0, 1]
    assert barred(catalogue, "price != 4", 2) == [0, 1]
    assert barred(catalogue, "not (price < 5)", 2) == [1, 0]


def test_an_item_ages_by_the_minute():
    catalogue = Catalogue()
    catalogue.put(0, {"created": NOW})

    assert barred(catalogue, "age < 2m", 1, NOW + 2 * MINUTE_MS - 1) == [0]
    assert barred(catalogue, "age < 2m", 1, NOW + 2 * MINUTE_MS) == [1]


def test_a_mask_is_kept_until_a_put_and_the_64_last_used_ones_are():
    catalogue, first_used = Catalogue(), parse("a = 0")
    kept = catalogue.mask(first_used, NOW, 1)
    for k in range(1, MASKS):
        catalogue.mask(parse(f"a = {k}"), NOW, 1)

    assert catalogue.mask(first_used, NOW + DAY_MS, 1) is kept
    second = catalogue.mask(parse("a = 1"), NOW, 1)
    for k in range(MASKS, 2 * MASKS - 1):
        catalogue.mask(parse(f"a = {k}"), NOW, 1)
    assert catalogue.mask(parse("a = 1"), NOW, 1) is second
    assert catalogue.mask(first_used, NOW, 1) is not kept
    catalogue.put(0, {"a": 1})
    assert catalogue.mask(parse("a = 1"), NOW, 1)[0] == 0
    assert second[0] == 1  # what somebody still holds stays as it was


def test_what_items_no_longer_say_is_no_longer_held():
    catalogue = Catalogue()
    for k in range(2000):
        catalogue.put(
            k % 3, {"title": f"title {k}", "tags": [f"tag {k}", "x"], "category": f"c{k}", f"f{k}": k}
        )

    assert len(catalogue._columns) == 6
    for name in ("title", "tags"):
        assert len(catalogue._columns[name].words.text) <= 6
    assert len(catalogue.words.text) <= 5


def test_one_field_too_many_is_refused_and_changes_nothing():
    catalogue = Catalogue()
    for k in range(MAX_COLUMNS):
        catalogue.put(k, {f"f{k}": k})

    with pytest.raises(BadEvent, match="field new is one more than 200") as refused:
        catalogue.put(0, {"f1": 1, "new": 1})

    assert refused.value.reason == "size"
    assert catalogue.get(0) == {"f0": 0}
    assert catalogue.version == MAX_COLUMNS


def record(**fields):
    return msgspec.json.encode(fields)


def test_a_record_is_read_with_its_time_in_milliseconds():
    fields = {"title": "Lämp", "price": 4.5, "tags": ["a", "b"], "hidden": False, "gone": None}

    found = decode(record(created="2024-05-01", **fields))

    assert found == {"title": "Lämp", "price": 4.5, "tags": ["a", "b"], "hidden": False, "created": NOW}
    assert decode(record(created=NOW)) == {"created": NOW}


@pytest.mark.parametrize("payload", [b"", b"null", b" null\n"])
def test_an_empty_record_removes(payload):
    assert decode(payload) is None


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"a":"' + b"x" * 16_377 + b'"}', "size"),
        (record(a=["x"] * 33), "size"),
        (record(**{f"f{k}": 1 for k in range(65)}), "size"),
        (b'{"a":"\xff"}', "utf8"),
        (b'{"\xff":1}', "utf8"),
        (b"x", "json"),
        (b'{"a":1', "json"),
        (b'{"a":1}{}', "json"),
        (b'{"a":"\\ud800"}', "json"),
        (b'{"a":' + b"[" * 9000, "json"),
        (b'{"a":NaN}', "nan"),
        (b'{"a":-Infinity}', "nan"),
        (b'{"a":1e999}', "nan"),
        (b'{"a":' + b"9" * 6000 + b"}", "nan"),
        (b"[1]", "type"),
        (record(a=[1]), "type"),
        (record(a={}), "type"),
        (record(A=1), "type"),
        (record(**{"1a": 1}), "type"),
        (record(**{"a" * 33: 1}), "type"),
        (record(**{"a\n": 1}), "type"),
        (record(created=True), "time"),
        (record(created=["x"]), "time"),
        (record(created=1.5), "time"),
        (record(created="soon"), "time"),
        (record(created="0001-01-01T00:00:00+14:00"), "time"),
        (record(created=-1), "time"),
        (record(created=1e300), "time"),
    ],
)
def test_a_record_that_is_none_has_a_reason(payload, reason):
    with pytest.raises(BadEvent) as refused:
        decode(payload)

    assert refused.value.reason == reason
    assert len(str(refused.value)) < 300


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
_record = st.dictionaries(st.sampled_from(["a", "b_1", "created", "A", "é"]), _json).map(msgspec.json.encode)


@given(st.binary(max_size=60) | _record)
def test_any_bytes_are_metadata_or_refused_for_a_known_reason(payload):
    reason, found = "", None
    try:
        found = decode(payload)
    except BadEvent as exc:
        reason = exc.reason

    assert reason in ("", *REASONS)
    catalogue = Catalogue()
    catalogue.put(0, found)
    assert catalogue.get(0) == found
    assert all(np.isfinite(v) for v in (found or {}).values() if isinstance(v, float))
