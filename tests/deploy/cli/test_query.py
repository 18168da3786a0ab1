"""Questions from the command line, against a real socket that answers in RESP."""

import json
import socket
import threading
from collections.abc import Iterator

import pytest

from deploy.cli.query import fields, number, rows
from deploy.client.client import BadAnswer, Client
from deploy.config.schema import Serve
from deploy.main import main


class Line:
    """A server that reads whole requests and answers the next of its replies."""

    def __init__(self, *replies: bytes) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.serve = Serve(port=self.server.getsockname()[1])
        self.heard: list[list[str]] = []
        self._replies = replies
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        connection, _ = self.server.accept()
        with connection, connection.makefile("rb") as read:
            for reply in self._replies:
                count = int(read.readline()[1:])
                self.heard.append([self._word(read) for _ in range(count)])
                connection.sendall(reply)

    @staticmethod
    def _word(read: object) -> str:
        size = int(read.readline()[1:])  # type: ignore[attr-defined]
        return str(read.read(size + 2)[:-2].decode())  # type: ignore[attr-defined]

    def close(self) -> None:
        self._thread.join(10.0)
        self.server.close()


@pytest.fixture
def line(request: pytest.FixtureRequest) -> Iterator[Line]:
    it = Line(*request.param)
    yield it
    it.close()


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit status of the command line."""
    monkeypatch.setattr("sys.argv", ["riverwalk", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


ANSWER = b"*6\r\n$3\r\ncup\r\n$3\r\n0.5\r\n$10\r\nbought tea\r\n$4\r\nt\xc3\xa4p\r\n$5\r\n0.125\r\n$0\r\n\r\n"


@pytest.mark.parametrize("line", [[ANSWER]], indirect=True)
def test_recommendations_are_a_table_with_scores_and_reasons(
    line: Line, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(monkeypatch, "query", "recommend", "ann", "-k", "2", "--port", str(line.serve.port))

    assert status == 0
    assert line.heard == [["RECOMMEND", "ann", "2", "WITHSCORES", "WITHREASONS"]]
    assert capsys.readouterr().out.splitlines() == [
        "rank  item  score  reason",
        "   1  cup     0.5  bought tea",
        "   2  täp   0.125",
    ]


@pytest.mark.parametrize("line", [[ANSWER]], indirect=True)
def test_a_program_reads_rows(
    line: Line, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--include-seen", "--after", "0:7", "--json", "--port", str(line.serve.port)]
    run(monkeypatch, "query", "recommend", "ann", *words)

    assert line.heard[0][3:] == ["WITHSCORES", "WITHREASONS", "INCLUDESEEN", "AFTER", "0:7"]
    assert json.loads(capsys.readouterr().out)[0] == {
        "rank": 1,
        "item": "cup",
        "score": 0.5,
        "reason": "bought tea",
    }


@pytest.mark.parametrize("line", [[ANSWER]], indirect=True)
def test_rules_of_an_answer_are_options(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [
        "--filter",
        'price < 3 and title ~ "bag"',
        "--exclude",
        "a",
        "--exclude",
        "b",
        "--per-category",
        "2",
    ]
    run(monkeypatch, "query", "recommend", "ann", *words, "--port", str(line.serve.port))

    assert line.heard[0][5:] == ["EXCLUDE", "2", "a", "b", "FILTER", words[1], "PERCATEGORY", "2"]


@pytest.mark.parametrize("line", [[ANSWER]], indirect=True)
def test_a_visitor_without_a_name_is_a_list_of_items(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, "query", "session", "a", "b", "-k", "2", "--port", str(line.serve.port))

    assert line.heard == [["SESSION", "2", "a", "b", "WITHSCORES", "WITHREASONS"]]


@pytest.mark.parametrize("line", [[b"*4\r\n$1\r\nb\r\n$3\r\n0.5\r\n$1\r\na\r\n$1\r\n0\r\n"]], indirect=True)
def test_a_list_to_rank_comes_back_in_order(
    line: Line, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "query", "rank", "ann", "a", "b", "--json", "--port", str(line.serve.port))

    assert line.heard == [["RANK", "ann", "a", "b", "WITHSCORES"]]
    found = json.loads(capsys.readouterr().out)
    assert found == [{"rank": 1, "item": "b", "score": 0.5}, {"rank": 2, "item": "a", "score": 0}]


HELLO = b"%1\r\n$5\r\nproto\r\n:3\r\n"
FIELDS = b"%4\r\n$5\r\ntitle\r\n$4\r\n1984\r\n$5\r\nprice\r\n,4.5\r\n$4\r\ntags\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n$6\r\nhidden\r\n#t\r\n"


@pytest.mark.parametrize("line", [[HELLO, FIELDS]], indirect=True)
def test_what_an_item_is_keeps_its_kinds(
    line: Line, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "query", "item", "cup", "--json", "--port", str(line.serve.port))

    assert line.heard == [["HELLO", "3"], ["ITEM", "cup"]]
    assert json.loads(capsys.readouterr().out) == {
        "title": "1984",
        "price": 4.5,
        "tags": ["a", "b"],
        "hidden": True,
    }


@pytest.mark.parametrize("line", [[HELLO, FIELDS]], indirect=True)
def test_any_command_is_sent_as_it_is(
    line: Line, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "query", "ask", "--port", str(line.serve.port), "EVENT", "u", "i", "view", "-1")

    assert line.heard[1] == ["EVENT", "u", "i", "view", "-1"]
    assert "tags    a, b" in capsys.readouterr().out


@pytest.mark.parametrize("line", [[HELLO, b"_\r\n"]], indirect=True)
def test_an_item_nobody_has_described_is_status_1(
    line: Line, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "query", "item", "cup", "--port", str(line.serve.port)) == 1
    assert capsys.readouterr().err.startswith("riverwalk: nothing is known of item 'cup'")


@pytest.mark.parametrize("line", [[b"$3\r\n0:7\r\n"]], indirect=True)
@pytest.mark.parametrize(
    "words", [["ITEM", "cup", '{"price": 3}'], ["ITEM", "cup", "null"], ["HIDE", "cup"], ["UNHIDE", "cup"]]
)
def test_telling_what_an_item_is_and_hiding_it_give_a_position(
    line: Line, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "query", words[0].lower(), *words[1:], "--json", "--port", str(line.serve.port))

    assert line.heard == [words]
    assert json.loads(capsys.readouterr().out) == {"position": "0:7"}


@pytest.mark.parametrize(
    "line", [[b"$45\r\n# Riverwalk\r\nversion:0.1.0\r\nlag:5\r\nshare:.5\r\n\r\n"]], indirect=True
)
def test_info_is_fields_and_numbers_are_numbers(
    line: Line, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "query", "info", "--json", "--port", str(line.serve.port))

    assert json.loads(capsys.readouterr().out) == {"version": "0.1.0", "lag": 5, "share": 0.5}


@pytest.mark.parametrize("line", [[b"+0:41\r\n"]], indirect=True)
def test_an_event_tells_where_it_stands(
    line: Line, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["purchase", "2.5", "1700000000000", "--json", "--port", str(line.serve.port)]
    run(monkeypatch, "query", "event", "ann", "cup", *words)

    assert line.heard == [["EVENT", "ann", "cup", "purchase", "2.5", "1700000000000"]]
    assert json.loads(capsys.readouterr().out) == {"position": "0:41"}


@pytest.mark.parametrize("line", [[b"-ERR no such item 'x'\r\n"]], indirect=True)
def test_an_error_reply_is_one_line_and_status_1(
    line: Line, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(monkeypatch, "query", "similar", "x", "--port", str(line.serve.port))

    assert status == 1
    assert capsys.readouterr().err == "riverwalk: no such item 'x'\n"


def test_nobody_there_is_one_line_that_says_how_to_start_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as idle:
        idle.bind(("127.0.0.1", 0))
        status = run(monkeypatch, "query", "trending", "--port", str(idle.getsockname()[1]))

    error = capsys.readouterr().err
    assert status == 1
    assert error.count("\n") == 1
    assert "riverwalk serve" in error


@pytest.mark.parametrize("line", [[b"+OK\r\n", b":1\r\n"]], indirect=True)
def test_a_password_is_given_first(line: Line) -> None:
    with Client(Serve(port=line.serve.port, password="hunter2")) as client:
        assert client.ask("PING") == 1

    assert line.heard == [["AUTH", "hunter2"], ["PING"]]


@pytest.mark.parametrize("line", [[b"$10\r\nshort"], [b"HTTP/1.1 400\r\n"], [b"*2\r\n:1\r\n"]], indirect=True)
def test_a_reply_that_breaks_off_or_is_no_reply_is_said(line: Line) -> None:
    with Client(line.serve) as client, pytest.raises(BadAnswer, match=r"hung up|no RESP server"):
        client.ask("PING")


def test_a_unix_socket_is_used_when_one_is_set(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = str(tmp_path_factory.mktemp("u") / "s")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        with Client(Serve(unix=path)) as client:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"*2\r\n$-1\r\n*-1\r\n")
                assert client.ask("PING") == [None, None]


def test_groups_that_do_not_come_out_even_are_no_rows() -> None:
    with pytest.raises(BadAnswer, match="groups of item, score"):
        rows(["a", "1", "b"], "item", "score")
    with pytest.raises(BadAnswer, match="pairs"):
        fields(["a"])


@pytest.mark.parametrize(("text", "value"), [("5", 5), ("-1.5", -1.5), ("1.0.0", "1.0.0"), ("", "")])
def test_what_reads_as_a_number_is_one(text: str, value: object) -> None:
    assert number(text) == value
