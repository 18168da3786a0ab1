"""Lines of text files, packed or not, whatever mark of byte order stands first."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from stream.error import BadSource

UTF16 = (b"\xff\xfe", b"\xfe\xff")
MARK = b"\xef\xbb\xbf"


def text_lines(path: Path) -> Iterator[str]:
    """The lines of a file in UTF-8, or in UTF-16 with a byte order mark; gz when its name says so.

    Bytes that are not UTF-8 stay apart as surrogates.  The byte order mark is left out.

    Raises:
        BadSource: The gz file is damaged, or the text ends within a character.
    """
    try:
        with _opened(path) as file:
            yield from file
    except (EOFError, gzip.BadGzipFile) as exc:
        raise BadSource(f"{path}: the gz file is damaged or ends early ({exc}); fetch it again") from exc
    except UnicodeError as exc:
        raise BadSource(f"{path}: the text is damaged ({exc}); save it as UTF-8") from exc


def _opened(path: Path) -> IO[str]:
    packed = path.name.endswith(".gz")
    with gzip.open(path) if packed else path.open("rb") as file:
        head = file.read(3)
    if head[:2] in UTF16:
        encoding, errors = "utf-16", "replace"
    else:
        # surrogateescape keeps bad bytes apart until the id check names them
        encoding, errors = "utf-8-sig" if head == MARK else "utf-8", "surrogateescape"
    if packed:
        return gzip.open(path, "rt", encoding=encoding, errors=errors, newline="")
    return path.open(encoding=encoding, errors=errors, newline="")
