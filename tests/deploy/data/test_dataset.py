"""Where events are found, and the downloader against a real web server: right, wrong, cut short, gone on with."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from deploy.config.schema import BadConfig
from deploy.data import dataset, synthetic
from deploy.data import item as shelf
from deploy.data.download import BadDownload, fetch

BODY = bytes(range(256)) * 2_000
SHA = hashlib.sha256(BODY).hexdigest()


class Web(ThreadingHTTPServer):
    """Serves one body at every path; can break off after some bytes, and knows ranges when asked to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = BODY
        self.break_after: int | None = None
        self.ranges = True
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/file.bin"


class Handler(BaseHTTPRequestHandler):
    """Answers GET."""

    server: Web

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        if self.path == "/gone":
            self.send_error(404)
            return
        start = int(wanted[6:-1]) if wanted and self.server.ranges else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(self.server.body) - start))
        self.end_headers()
        end = self.server.break_after
        self.wfile.write(self.server.body[start : end if end is not None else len(self.server.body)])

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_with_the_right_checksum_arrives_whole_and_alone(web: Web, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []

    checked = fetch(web.url, tmp_path / "a.bin", sha256=SHA, progress=lambda *step: steps.append(step))

    assert checked
    assert (tmp_path / "a.bin").read_bytes() == BODY
    assert steps[-1] == (len(BODY), len(BODY))
    assert not (tmp_path / "a.bin.part").exists()


def test_a_file_with_a_wrong_checksum_is_thrown_away(web: Web, tmp_path: Path) -> None:
    with pytest.raises(BadDownload, match="wrong checksum"):
        fetch(web.url, tmp_path / "a.bin", sha256="0" * 64)

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_ends_early_is_refused_and_the_next_try_goes_on_where_it_stopped(
    web: Web, tmp_path: Path
) -> None:
    web.break_after = 100_000
    with pytest.raises(BadDownload, match="ended after 100,000 of 512,000 bytes"):
        fetch(web.url, tmp_path / "a.bin", sha256=SHA)
    assert not (tmp_path / "a.bin").exists()
    web.break_after = None

    fetch(web.url, tmp_path / "a.bin", sha256=SHA)

    assert web.asked == [None, "bytes=100000-"]
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_a_server_without_ranges_is_asked_for_the_whole_file_again(web: Web, tmp_path: Path) -> None:
    (tmp_path / "a.bin.part").write_bytes(b"something old")
    web.ranges = False

    fetch(web.url, tmp_path / "a.bin", sha256=SHA)

    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_without_a_published_checksum_the_first_download_is_remembered_and_a_change_is_refused(
    web: Web, tmp_path: Path
) -> None:
    checked = fetch(web.url, tmp_path / "a.bin", sha256=None)
    again = fetch(web.url, tmp_path / "a.bin", sha256=None)
    web.body = BODY[::-1]
    with pytest.raises(BadDownload, match="wrong checksum"):
        fetch(web.url, tmp_path / "a.bin", sha256=None)

    assert (checked, again) == (False, True)
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_an_answer_that_is_no_file_says_what_the_server_said(web: Web, tmp_path: Path) -> None:
    with pytest.raises(BadDownload, match="answered 404"):
        fetch(web.url.replace("/file.bin", "/gone"), tmp_path / "a.bin", sha256=None)


def test_a_server_that_is_not_there_is_said_so(web: Web, tmp_path: Path) -> None:
    with pytest.raises(BadDownload, match="not reachable"):
        fetch("http://127.0.0.1:9/a", tmp_path / "a.bin", sha256=None, timeout_s=1.0)


def test_only_the_web_is_asked(tmp_path: Path) -> None:
    with pytest.raises(BadDownload, match="only http"):
        fetch("file:///etc/hostname", tmp_path / "a.bin", sha256=None)


def events(folder: Path) -> Path:
    """A folder with one small event file."""
    folder.mkdir(parents=True)
    (folder / "events.csv").write_text("user,item,timestamp\na,x,1\nb,y,2\n")
    return folder


def test_a_path_given_is_taken_before_all_else(tmp_path: Path) -> None:
    events(tmp_path / "env" / "online-retail")
    mine = events(tmp_path / "mine")

    found = dataset.find(str(mine), env={"RIVERWALK_DATA": str(tmp_path / "env"), "HOME": str(tmp_path)})

    assert found.path == mine / "events.csv"


def test_the_environment_names_a_folder_of_data_sets_or_a_file(tmp_path: Path) -> None:
    folder = events(tmp_path / "online-retail")

    below = dataset.find(env={"RIVERWALK_DATA": str(tmp_path)})
    direct = dataset.find(env={"RIVERWALK_DATA": str(folder / "events.csv")})

    assert (below.name, below.path) == ("online-retail", folder / "events.csv")
    assert direct.path == below.path


def test_a_name_is_looked_up_in_the_environment_then_in_the_cache(tmp_path: Path) -> None:
    first = events(tmp_path / "env" / "ml-100k")
    second = events(tmp_path / "cache" / "riverwalk" / "jodie-wikipedia")
    (second / "complete").touch()
    env = {"RIVERWALK_DATA": str(tmp_path / "env"), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    assert dataset.find("movielens", env=env, online=False).path == first / "events.csv"
    assert dataset.find("wikipedia", env=env, online=False).path == second / "events.csv"


def test_events_take_the_type_of_their_data_set(tmp_path: Path) -> None:
    folder = events(tmp_path / "online-retail")

    assert [event.type for event in dataset.find(str(folder), env={}).events()] == ["purchase", "purchase"]


def test_an_unknown_name_is_refused_with_the_nearest_known_one(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="did you mean online-retail"):
        dataset.find("online-retial", env={"HOME": str(tmp_path)}, online=False)


def test_a_wrong_path_in_the_environment_is_refused() -> None:
    with pytest.raises(BadConfig, match="RIVERWALK_DATA=/nowhere"):
        dataset.find(env={"RIVERWALK_DATA": "/nowhere"})


def test_a_known_name_that_is_nowhere_is_an_error_that_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"ml-100k: not in \$RIVERWALK_DATA and not in"):
        dataset.find("ml-100k", env={"HOME": str(tmp_path)}, online=False)


def test_with_nothing_at_hand_a_generated_stream_stands_in_and_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    found = dataset.find(env={"HOME": str(tmp_path)}, online=False, say=said.append)
    first = next(found.events())

    assert (found.name, found.path) == ("generated", None)
    assert "generated events, as no data set is at hand" in found.note
    assert "not in $RIVERWALK_DATA" in said[0]
    assert first.item in shelf.look(found.described()).titles


def test_a_download_lands_in_the_cache_and_is_found_there_next_time(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as parts:
        parts.writestr("ml-100k/u.data", "1\t7\t5\t10\n")
        parts.writestr("ml-100k/u.item", "7|A film (1990)|x\n")
        parts.writestr("../../outside", "no")
    web.body = packed.getvalue()
    films = msgspec.structs.replace(
        dataset.KNOWN[1], url=web.url, size=len(web.body), sha256=hashlib.sha256(web.body).hexdigest()
    )
    monkeypatch.setattr(dataset, "KNOWN", (films,))
    env = {"RIVERWALK_CACHE": str(tmp_path / "kept")}

    found = dataset.find("ml-100k", env=env)
    again = dataset.find("ml-100k", env=env, online=False)

    assert found.path == again.path == tmp_path / "kept" / "ml-100k" / "u.data"
    assert shelf.look(found.described()).titles == {"7": "A film (1990)"}
    assert len(web.asked) == 1
    assert sorted(one.name for one in found.path.parent.iterdir()) == [
        "complete",
        "file.bin.sha256",
        "u.data",
        "u.item",
    ]


def test_wikipedia_keeps_its_first_columns(tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_text("user_id,item_id,timestamp,state_label,features\n0,0,0.0,0,-0.1,0.2\n")

    dataset._thin(tmp_path / "raw.csv", tmp_path / "wikipedia.csv.gz")

    found = dataset.find(str(tmp_path / "wikipedia.csv.gz"), env={})
    assert [(event.user, event.item, event.t) for event in found.events()] == [("0", "0", 0)]


def test_the_generated_data_set_is_had_by_name() -> None:
    found = dataset.find("generated", env={})

    assert [item for item, _, _ in found.described()] == [item for item, _ in synthetic.catalogue()]


def test_events_and_what_is_created_can_be_moved_together(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("user,item,t\na,x,1000\nb,y,2000\n")
    (tmp_path / "items.csv").write_text("item,title,created\nx,Cup,1970-01-01T00:00:03Z\n")
    found = dataset.find(str(tmp_path), env={})

    moved = msgspec.structs.replace(found, moved_ms=5_000)

    assert [event.t for event in moved.events()] == [6_000, 7_000]
    assert [record for _, _, record in found.described()] == [
        b'{"title":"Cup","created":"1970-01-01T00:00:03Z"}'
    ]
    assert [fields["created"] for _, fields, _ in moved.described()] == [8_000]
    assert [record for _, _, record in moved.described()] == [b'{"title":"Cup","created":8000}']
