"""Explicit features of items or users, from a file: numbers, words and categories become a row of fixed width.

The file is CSV with a header, or a JSON object a line (`.jsonl`, `.ndjson`), both in UTF-8, gzip or not.  The
column named id, item, user, item_id or user_id holds the ids; without such a name the first one does.

    | a column for each one of numbers | columns that words are hashed into |

Numbers are standardised and cut at 3 deviations; together they count as much as all the words.  A column is one
of numbers if nothing else is in it; in any other one each word counts, the more the rarer, and lists count as
their members.  An empty field says nothing.  Rows have length 1; a row that says nothing is zero.  A row without
words has 1 in their first column, so that its length keeps what its numbers say.

The same file gives the same rows on every machine.

Source: Weinberger et al., Feature Hashing for Large Scale Multitask Learning (2009), section 2, the signed hash.
"""

from __future__ import annotations

import gzip
import math
import re
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import msgspec
import numpy as np

from stream.file.table import rows as table_rows

NAMES = ("id", "item", "user", "item_id", "user_id")
KINDS = ("category", "categories", "genre", "genres")  # fields that tell categories
CUT = 3.0  # standard deviations
WORD = re.compile(r"\w+")
Fields = dict[str, object]
Rows = dict[str, tuple[int, Fields]]


class BadColumn(Exception):
    """A file of explicit features that cannot be read: report it, and go on without."""


def read(path: Path, width: int) -> dict[str, np.ndarray]:
    """Return the explicit features of each id, float32 [width], of length 1 or zero.

    Raises:
        BadColumn: No such file, a line that cannot be read, an id that stands there twice, or too small a width.
    """
    names, rows = _rows(path)
    if not rows:
        raise BadColumn(f"{path}: no rows; wanted a header and a line for each id, or a JSON object a line")
    return encode(path, names, rows, width)


def encode(path: Path, names: list[str], rows: Rows, width: int) -> dict[str, np.ndarray]:
    """Return the explicit features of each id as `read` does, of fields that were read before.

    Args:
        path: Where they were read, for errors.
        names: Of the fields.
        rows: Each id's line and fields.

    Raises:
        BadColumn: Too small a width, or a value that is none.
    """
    number = {name: column for name in names if (column := _numbers(path, name, rows)) is not None}
    words = [name for name in names if name not in number]
    room = width - len(number)
    if room < 1:
        raise BadColumn(
            f"{path}: {len(number)} columns of numbers ({', '.join(number)}) do not fit a width of {width}; "
            f"ask for {len(number) + 1} or more, or leave columns out"
        )
    out = np.zeros((len(rows), width), np.float32)
    for k, column in enumerate(number.values()):
        out[:, k] = _standard(column) / math.sqrt(len(number))
    given = (
        np.any([np.isfinite(column) for column in number.values()], axis=0) if number else np.zeros(len(rows))
    )
    _hash(out[:, len(number) :], [_words(fields, words) for _, fields in rows.values()])
    out[(given > 0) & ~out[:, len(number) :].any(1), len(number)] = 1.0
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
    return dict(zip(rows, out, strict=True))


def categories(path: Path) -> dict[str, list[str]]:
    """Return the categories of each id: its field category, categories, genre or genres, a list or text parted by `|`.

    Raises:
        BadColumn: As for `read`.
    """
    names, rows = _rows(path)
    name = next((name for name in KINDS if name in names), "")
    out = {}
    for key, (_, fields) in rows.items():
        value = fields.get(name)
        parts = value if isinstance(value, list) else str(value or "").split("|")
        out[key] = list(dict.fromkeys(str(part).strip() for part in parts if str(part).strip()))
    return out


def _rows(path: Path) -> tuple[list[str], Rows]:
    """Return the names of the columns beside the ids, and each id's line number and fields."""
    names: dict[str, None] = {}
    rows: Rows = {}
    key = ""
    for line, fields in _jsonl(path) if ".jsonl" in path.name or ".ndjson" in path.name else _csv(path):
        if not names:
            key = next((name for name in NAMES if name in fields), next(iter(fields), ""))
        names.update(dict.fromkeys(fields))
        found = fields.pop(key, None)
        if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
            raise BadColumn(f"{path}:{line}: {key} {found!r} is no id; wanted text or a whole number")
        if str(found) in rows:
            raise BadColumn(
                f"{path}:{line}: {key} {found} stands on line {rows[str(found)][0]} already; keep one of them"
            )
        rows[str(found)] = line, fields
    names.pop(key, None)
    return list(names), rows


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for line, raw in enumerate(file, 1):
                try:
                    yield line, raw.decode("utf-8-sig" if line == 1 else "utf-8")
                except UnicodeDecodeError as exc:
                    raise BadColumn(
                        f"{path}:{line}: not UTF-8 ({exc.reason}); save the file as UTF-8"
                    ) from exc
    except (OSError, EOFError) as exc:
        raise BadColumn(f"{path}: cannot be read: {exc}") from exc


def _csv(path: Path) -> Iterator[tuple[int, Fields]]:
    def refuse(line: int, why: str, text: str) -> None:
        raise BadColumn(f"{path}:{line}: {why}")

    header: list[str] = []
    for line, _, cells in table_rows((text for _, text in _lines(path)), ",", refuse):
        if not header:
            header = _header(path, cells)
        elif len(cells) != len(header):
            raise BadColumn(
                f"{path}:{line}: {len(cells)} fields, the header names {len(header)}; put text with commas in quotes"
            )
        else:
            yield line, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}


def _header(path: Path, cells: list[str]) -> list[str]:
    header = [cell.strip() for cell in cells]
    if len(set(header)) < len(header) or "" in header:
        raise BadColumn(f"{path}:1: header {','.join(header)}: wanted a name for each column, each once")
    return header


def _jsonl(path: Path) -> Iterator[tuple[int, Fields]]:
    for line, text in _lines(path):
        if not text.strip():
            continue
        try:
            yield line, msgspec.json.decode(text, type=dict[str, object])
        except msgspec.DecodeError as exc:
            raise BadColumn(f"{path}:{line}: not a JSON object: {exc}") from exc


def _numbers(path: Path, name: str, rows: Rows) -> np.ndarray | None:
    """Return a column of numbers float64 [n], NaN where empty; None if it holds anything else, or nothing."""
    out = np.full(len(rows), math.nan)
    for k, (line, fields) in enumerate(rows.values()):
        value = fields.get(name)
        if isinstance(value, dict):
            raise BadColumn(f"{path}:{line}: {name} is an object; wanted a number, text, or a list of those")
        if value is None or value == "":
            continue
        if not isinstance(value, str | int | float):
            return None
        try:
            out[k] = float(value)
        except (ValueError, OverflowError):
            return None
        if math.isinf(out[k]) or abs(out[k]) > 1e150:
            raise BadColumn(f"{path}:{line}: {name} {value} is too large; wanted a finite number")
    return out if np.isfinite(out).any() else None


def _standard(column: np.ndarray) -> np.ndarray:
    """Return a column less its mean, in standard deviations, cut; 0 where empty."""
    mean, deviation = np.nanmean(column), np.nanstd(column)
    if not deviation > 1e-12 * abs(mean):
        return np.zeros_like(column)
    return np.nan_to_num(np.clip((column - mean) / deviation, -CUT, CUT), nan=0.0)


def _words(fields: Fields, names: list[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for name in names:
        value = fields.get(name)
        for part in value if isinstance(value, list) else [value]:
            if part is not None:
                found.update(f"{name}={word}" for word in WORD.findall(str(part).casefold()))
    return found


def _hash(out: np.ndarray, rows: list[Counter[str]]) -> None:
    """Write words into out [n, room], each row of length 1, or zero where there are none."""
    seen: Counter[str] = Counter()
    for words in rows:
        seen.update(words.keys())
    column: dict[str, tuple[int, float]] = {}
    for word, times in seen.items():
        code = int.from_bytes(
            blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little"
        )
        column[word] = (code >> 1) % out.shape[1], (1 - 2 * (code & 1)) * math.log(1 + len(rows) / times)
    for row, words in zip(out, rows, strict=True):
        for word, times in words.items():
            at, weight = column[word]
            row[at] += weight * times
        row /= max(float(np.linalg.norm(row)), 1e-12)
