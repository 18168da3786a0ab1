"""The table of arguments and options: the socket, HTTP, the command line and COMMAND DOCS take what it says."""

import typing
from typing import Any

import pytest
import typer.main
from hypothesis import given
from hypothesis import strategies as st

from deploy.cli.query import app, words
from stream.answer.request import MAX_K, Rank, Recommend, Similar, Trending
from stream.error import BadRequest
from stream.http.query import values_of
from stream.resp.command import COMMANDS as SOCKET
from stream.resp.command import commands
from stream.resp.option import GRAMMARS
from stream.service.argument import MAX_TIMEOUT_MS, READERS
from stream.service.parameter import COMMANDS, TABLE, Command, Kind, Parameter
from stream.service.session import Service, Session
from tests.fixture.backend import Toy

VALUES = {
    "user": "ann", "item": "cup", "count": "7", "filter": "price < 5", "category": "mug", "seen": "like=30d",
    "share": "0.25", "position": "0:41", "timeout": "20", "duration": "1.5h", "type": "like", "number": "2.0", "time": "5",
    "json": "null", "search": "cu", "cursor": "0",
}  # fmt: skip
BY_NAME = {command.name: command for command in TABLE}
OVER_HTTP = [command for command in TABLE if command.path and command.name != "ITEM"]


def value(one: Parameter) -> Any:
    """A value of a parameter as the command line holds it."""
    if one.kind == "switch":
        return True
    return [VALUES[one.kind], "lid"] if one.many else VALUES[one.kind]


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Values that can be compared: arrays as lists."""
    return {name: one.tolist() if hasattr(one, "tolist") else one for name, one in values.items()}


def sets(command: Command) -> list[tuple[Parameter, ...]]:
    """Every option alone, with the one it goes with, and none."""
    found = [
        tuple(other for other in command.options if other is one or other.field == one.within)
        for one in command.options
    ]
    return [*found, ()]


@pytest.mark.parametrize("command", TABLE, ids=lambda one: one.name)
def test_docs_of_a_command_name_its_arguments_and_options(command: Command) -> None:
    docs: Any = commands(Session(Service(Toy()), 1), [b"DOCS", command.name.encode()])
    told = docs[command.name.lower()]
    tokens, plain_names = [], []

    def walk(arguments: list[dict[str, Any]]) -> None:
        for one in arguments:
            if "token" in one or one["type"] == "pure-token":
                tokens.append(one["token"])
            else:
                plain_names.append(one["name"])
            walk(one.get("arguments", []))

    walk(told["arguments"])

    assert told["summary"] == command.summary
    assert sorted(tokens) == sorted(one.word for one in command.options)
    assert set(plain_names) >= {one.metavar for one in command.arguments}
    assert SOCKET[command.name.encode()].syntax == command.syntax.partition(" ")[2]


@pytest.mark.parametrize("command", TABLE, ids=lambda one: one.name)
def test_the_command_line_has_the_flags_and_arguments_of_the_table(command: Command) -> None:
    group: Any = typer.main.get_command(app)
    taken = {one.name: one for one in group.commands[command.name.lower()].params}
    shared = {"json", "config", "host", "port", "set"}

    assert set(taken) - shared == {
        one.field for one in (*command.arguments, *command.options) if one.flag or one in command.arguments
    }
    for one in (*command.arguments, *command.options):
        if one.flag:
            assert one.flag in taken[one.field].opts


@pytest.mark.parametrize("command", [BY_NAME[name] for name in GRAMMARS], ids=lambda one: one.name)
def test_what_the_command_line_says_the_socket_reads(command: Command) -> None:
    for options in sets(command):
        values = {one.field: None for one in (*command.arguments, *command.options)}
        values |= {one.field: value(one) for one in (*command.arguments, *options)}
        said = [str(word).encode() for word in words(command, values)]

        read = GRAMMARS[command.name].read(said[1:])

        always = {one.field for one in command.options if not one.flag}
        wanted = {one.field for one in (*command.arguments, *options)} | always
        assert set(read) == wanted


@pytest.mark.parametrize("command", OVER_HTTP, ids=lambda one: one.name)
def test_http_and_the_socket_read_the_same_values(command: Command) -> None:
    for options in sets(command):
        over_http = [one for one in options if one.http]
        given_ = [one for one in command.arguments if one.http] + over_http
        query = "&".join(
            f"{one.http}={'true' if one.kind == 'switch' else ','.join(value(one)) if one.many else value(one)}"
            for one in given_
        )
        parts: list[str] = []
        said: list[bytes] = []
        for one in command.arguments:
            each = value(one) if one.many else [value(one)]
            said += [part.encode() for part in each]
            parts += [] if one.http else each
        for one in over_http:
            said.append(one.word.encode())
            each = value(one) if one.many else [] if one.kind == "switch" else [value(one)]
            said += [str(len(each)).encode()] * one.many + [part.encode() for part in each]

        assert plain(values_of(command, parts, query)) == plain(GRAMMARS[command.name].read(said))


def test_every_field_of_a_request_is_in_the_table_and_no_other() -> None:
    requests: dict[str, type] = {
        "RECOMMEND": Recommend, "RANK": Rank, "SIMILAR": Similar, "TRENDING": Trending,
    }  # fmt: skip
    for name, request in requests.items():
        command = COMMANDS[name]
        fields = {one.field for one in (*command.arguments, *command.options)}
        assert fields == set(request.__struct_fields__) - {"visited"}  # of SESSION


def test_every_kind_has_a_reader_where_it_is_read() -> None:
    read_elsewhere = {"switch", "type", "number", "time", "json", "text"}

    assert set(READERS) == set(typing.get_args(Kind)) - read_elsewhere
    assert READERS["count"]("k", str(MAX_K).encode()) == 1000
    assert READERS["timeout"]("TIMEOUT", str(MAX_TIMEOUT_MS).encode()) == 60_000


@given(
    st.lists(
        st.sampled_from([b"cup", b"WITHSCORES", b"FILTER", b"tail", b"0.5", b"1", b"EXCLUDE", b"x"]),
        max_size=8,
    )
)
def test_any_words_are_read_or_refused(said: list[bytes]) -> None:
    for name, grammar in GRAMMARS.items():
        try:
            read = grammar.read(said)
        except BadRequest:
            continue
        assert set(read) <= {one.field for one in (*COMMANDS[name].arguments, *COMMANDS[name].options)}


def test_a_list_of_items_ends_where_the_rest_reads_as_options() -> None:
    read = GRAMMARS["SESSION"].read

    assert read([b"2", b"FILTER", b"a", b"FILTER", b"price < 5", b"EXCLUDE", b"1", b"tail"])["visited"] == [
        "FILTER",
        "a",
    ]
    assert read([b"2", b"a", b"tail"]) == {"k": 2, "visited": ["a", "tail"]}
    assert read([b"2", b"a", b"withscores", b"b"])["visited"] == ["a", "withscores", "b"]
