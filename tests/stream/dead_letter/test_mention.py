"""Which dead letters name a user: whoever is forgotten is found in what can be read, and as text in what cannot."""

import json

import pytest

from stream.dead_letter.letter import Letter, rejected
from stream.dead_letter.mention import ESCAPE, Mention
from stream.event.batch import Record


def letter(
    value: bytes, key: bytes = b"", topic: str = "shop", headers: tuple[tuple[str, bytes], ...] = ()
) -> Letter:
    return rejected(Record(0, 0, value, 0, key, headers), topic, "json", "", 0)


def names(user: str, one: Letter) -> bool:
    """Whether a letter names a user; what is looked for in a log finds all of these."""
    mention = Mention([user, "somebody else"], "shop")
    found = mention.users(one) == [user]
    held = b"\n".join([one.key or b"", one.value or b"", *(text or b"" for _, text in one.headers)])
    assert not found or any(text in held for text in [*mention.texts, ESCAPE])
    return found


@pytest.mark.parametrize(
    ("user", "value"),
    [
        ("ann", b'{"user":"ann","item":"x"}'),
        ("7", b'{"user":7,"t":"soon"}'),
        ("7", b'{"user": 7, "item": "x", '),
        ("ann", b'{"user":"ann","user":"ann"'),
        ("Jürgen", json.dumps({"user": "Jürgen", "item": 1.5}).encode()),
        ("Jürgen", json.dumps({"user": "Jürgen", "item": "x"}).encode()[:-3]),
        ("Jürgen", '{"user":"Jürgen","item":"x"}'.encode("latin-1")),
        ("Jürgen", '{"user":"Jürgen","item":"x"}'.encode("utf-16")),
        ('a"b\\c/d', json.dumps({"user": 'a"b\\c/d'}).encode()[:-1]),
        ("a/b", b'{"user":"a\\/b"'),
        ("ann", b"ann,cup,5"),
        ("ann", b"user=ann&item=cup"),
        ("ann", b'{"user":{"id":"ann"}}'),
        ("ann", b'["ann","cup"]'),
        ("a.b*", b"a.b*;cup"),
    ],
)
def test_a_user_in_the_bytes_is_found(user: str, value: bytes) -> None:
    assert names(user, letter(value))


@pytest.mark.parametrize(
    ("user", "value"),
    [
        ("ann", b'{"user":"bob","item":"ann"}'),
        ("5", b'{"user":"bob","item":"x","t":5'),
        ("ann", b"annika,cup,5"),
        ("ann", b"joann"),
        ("7", b'{"user":77,"t":"soon"}'),
        ("7", b"\xff17"),
        ("a.b*", b"axbb;cup"),
        ("true", b'{"user":"bob","x":true'),
        ("ann", b""),
    ],
)
def test_other_users_and_longer_words_are_none(user: str, value: bytes) -> None:
    assert not names(user, letter(value))


def test_a_key_or_a_header_names_a_user_but_not_the_key_of_an_item() -> None:
    assert names("ann", letter(b"\xff", b"ann"))
    assert names("ann", letter(b'{"user":"bob"}', b"", headers=(("by", b"ann"),)))
    assert not names("ann", letter(b"\xff", b"ann", "shop.items"))
    assert not names("ann", letter(b'{"author":"ann","price":[]}', b"cup", "shop.items"))
    assert names("ann", letter(b'{"author":"ann",', b"cup", "shop.items"))
