"""Dead letters on disk: in order, bounded, and readable by others whatever moment a process ended at."""

from pathlib import Path

import pytest

from stream.dead_letter.letter import Letter, rejected
from stream.dead_letter.spool import FILE_BYTES, Spool, files, read
from stream.error import BadSource
from stream.event.batch import Record


def letter(offset: int, size: int = 10) -> Letter:
    return rejected(Record(0, offset, b"\xff" * size, 5, b"ann"), "shop", "utf8", "why", 7)


def offsets(folder: Path, topic: str | None = None) -> list[int]:
    return [one.offset for path in files(folder, topic) for one in read(path)]


def test_letters_are_read_in_order_over_files_and_lives_and_by_topic(tmp_path: Path) -> None:
    for life in range(2):
        spool, other = Spool(tmp_path / "dead", "shop"), Spool(tmp_path / "dead", "shop-2")
        assert spool.count == 3 * life
        for k in range(3):
            spool.add(letter(3 * life + k, FILE_BYTES // 2))
            spool.sync()
        other.add(letter(9))
        other.close()
        spool.close()

    assert offsets(tmp_path / "dead", "shop") == [0, 1, 2, 3, 4, 5]
    assert offsets(tmp_path / "dead", "shop-2") == [9, 9]
    assert len(files(tmp_path / "dead", "shop")) == 4


def test_what_is_added_while_a_file_is_sent_stays(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "shop")
    spool.add(letter(0))
    spool.add(letter(1))
    [path] = spool.sealed()
    spool.add(letter(2))
    spool.sync()
    spool.replace(path, [letter(1)])
    assert (offsets(tmp_path), spool.count) == ([1, 2], 2)
    spool.replace(path, [])

    assert (offsets(tmp_path), spool.count) == ([2], 1)
    spool.close()


def test_a_line_that_a_crash_left_half_written_is_no_letter(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "shop")
    for k in range(3):
        spool.add(letter(k))
    spool.close()
    [path] = files(tmp_path)
    path.write_bytes(path.read_bytes()[:-5])

    assert offsets(tmp_path) == [0, 1]
    assert Spool(tmp_path, "shop").count == 2


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "shop")
    spool.add(letter(0))
    spool.close()
    [path] = files(tmp_path)
    path.write_bytes(b'{"topic":5}\n' + path.read_bytes())

    with pytest.raises(BadSource, match=r"shop-\d+\.jsonl: line 1 is no dead letter .*move the file away"):
        offsets(tmp_path)


def test_a_full_folder_stops_the_stream_with_what_to_do_and_loses_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "shop", most=1000)
    for k in range(2):
        spool.add(letter(k, 100))
    with pytest.raises(BadSource, match="dead letters that their topic did not take fill 0 MiB; see why"):
        spool.add(letter(2, 400))
    spool.close()

    assert offsets(tmp_path) == [0, 1]
    again = Spool(tmp_path, "shop", most=1000)
    with pytest.raises(BadSource, match="move the files away"):
        again.add(letter(0, 400))
    for path in files(tmp_path):
        again.replace(path, [])
    again.add(letter(0, 400))
    again.close()


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "dead").write_text("")

    with pytest.raises(BadSource, match=r"a dead letter cannot be kept .*nothing was dropped"):
        Spool(tmp_path / "dead", "shop").add(letter(0))
