"""Lines of text files, packed or not, whatever mark of byte order stands first."""

import bz2
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from stream.error import BadSource

UTF16 = (b"\xff\xfe", b"\xfe\xff")
MARK = b"\xef\xbb\xbf"

_PACKED: Final[dict[bytes, Callable[..., Any]]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
_OTHER: Final = {
    b"\x28\xb5\x2f\xfd": "packed with zstd: unpack it with zstd -d",
    b"PK\x03\x04": "a zip archive or an Excel workbook: unpack it, or save the sheet as csv",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: save the sheet as csv",
    b"SQLite format 3": "a SQLite database: export the table as csv",
    b"ORC": "an ORC file: write it as Parquet or csv",
    b"Obj\x01": "an Avro file: write it as Parquet or JSON lines",
    b"ARROW1": "an Arrow file: write it as Parquet",
}
_BLOCK = 1 << 16
_SEPARATOR = re.compile(r'"?sep=.?"?\s*', re.IGNORECASE)  # Excel's own first line


def text_lines(path: Path) -> Iterator[str]:
    """The lines of a file in UTF-8, or in UTF-16 with a byte order mark; gz, bz2 and xz by their first bytes.

    Bytes that are not UTF-8 stay apart as surrogates.  The byte order mark is left out, and an Excel's `sep=;` is a blank line.

    Raises:
        BadSource: It is packed and damaged, no text at all, or ends within a character.
    """
    try:
        with _opened(path) as file, closing(_lines(file)) as lines:
            first = next(lines, None)
            if first is not None:
                yield "\n" if _SEPARATOR.fullmatch(first) else first
            yield from lines
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as exc:
        raise _damaged(path, exc) from exc
    except UnicodeError as exc:
        raise BadSource(f"{path}: the text is damaged ({exc}); save it as UTF-8") from exc
    except OSError as exc:
        if exc.errno is not None:
            raise
        raise _damaged(path, exc) from exc  # bz2 says so


def _damaged(path: Path, exc: Exception) -> BadSource:
    kind = "".join(path.suffixes[-1:]).removeprefix(".") or "packed"
    return BadSource(f"{path}: the {kind} file is damaged or ends early ({exc}); fetch it again")


def _opened(path: Path) -> io.BufferedReader:
    """The bytes of a file, unpacked."""
    with path.open("rb") as file:
        head = file.read(16)
    for mark, what in _OTHER.items():
        if head.startswith(mark):
            raise BadSource(f"{path}: {what}; read are text, gz, bz2 and xz of it, and Parquet")
    unpack = next((one for mark, one in _PACKED.items() if head.startswith(mark)), None)
    if unpack is None and path.name.endswith(".gz") and head:
        raise BadSource(
            f"{path}: the gz file is damaged, it begins {head[:4]!r}; fetch it again, or name it otherwise"
        )
    return io.BufferedReader(unpack(path) if unpack else path.open("rb", buffering=0), _BLOCK)


def _lines(file: io.BufferedReader) -> Generator[str, None, None]:
    head = file.peek(_BLOCK)
    if head[:2] in UTF16:
        yield from _wrapped(file, "utf-16", "replace")
        return
    if head.startswith(MARK):
        file.read(len(MARK))
    if b"\r" in head and b"\n" not in head:
        yield from _wrapped(file, "utf-8", "surrogateescape")
        return
    for raw in file:
        # surrogateescape keeps bad bytes apart until the id check names them
        line = raw.decode("utf-8", "surrogateescape")
        if raw.find(b"\r", 0, -2) < 0:
            yield line
        else:
            yield from io.StringIO(line, newline="")


def _wrapped(file: io.BufferedReader, encoding: str, errors: str) -> Iterator[str]:
    with io.TextIOWrapper(file, encoding, errors, newline="") as text:
        yield from text
