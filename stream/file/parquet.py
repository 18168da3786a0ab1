"""Parquet files: the names, types and cells of their columns, read in batches of rows, by the optional package pyarrow.

A null, and a NaN in a column of numbers, is an empty cell.  Timestamps and dates are milliseconds since 1970; a time without a
zone is UTC.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream.error import BadSource

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MARK = b"PAR1"
ENDINGS = (".parquet", ".parq", ".pq")

_ROWS = 16_384  # of a batch
_BUFFER = 1 << 20  # bytes of a column that are read at once


def is_parquet(path: Path) -> bool:
    """Whether a file is Parquet, by its first bytes or its name."""
    with path.open("rb") as file:
        return file.read(4) == MARK or path.name.lower().endswith(ENDINGS)


def names(path: Path) -> list[str]:
    """The names of its columns, stripped, in lower case.

    Raises:
        BadSource: It is damaged, or pyarrow is not installed.
    """
    with _opened(path) as file:
        return [name.strip().lower() for name in file.schema_arrow.names]


def is_stamped(path: Path, at: int) -> bool:
    """Whether a column is of timestamps or dates, which say their own unit.

    Raises:
        BadSource: As for `names`.
    """
    with _opened(path) as file:
        return _stamped(file.schema_arrow.types[at])


def compound(path: Path, places: Sequence[int]) -> str:
    """What the first of these columns that holds no single values is, as `tags (list<element: string>)`; empty for none.

    Raises:
        BadSource: As for `names`.
    """
    with _opened(path) as file:
        import pyarrow as pa

        schema, kinds = file.schema_arrow, pa.types
        for at in places:
            kind = schema.types[at]
            if kinds.is_nested(kind) or kinds.is_time(kind) or kinds.is_duration(kind):
                return f"{schema.names[at]} ({kind})"
    return ""


def cells(path: Path, places: Sequence[int]) -> Iterator[Sequence[str]]:
    """The cells of each row as text, as wide as the table; those of columns that are not asked for are empty.

    Args:
        places: Of the columns to read, from 0.

    Raises:
        BadSource: As for `names`.
    """
    with _opened(path) as file:
        found = file.schema_arrow.names
        for batch in _batches(file, [found[at] for at in places]):
            columns: list[Any] = [repeat("")] * len(found)
            for at in places:
                columns[at] = _texts(batch.column(found[at]))
            yield from zip(*columns, strict=False)


def records(path: Path) -> Iterator[list[Any]]:
    """The values of each row as JSON has them, None for an empty one; lists hold text, times are ISO 8601.

    Raises:
        BadSource: As for `names`.
    """
    with _opened(path) as file:
        for batch in _batches(file, None):
            yield from ([_plain(value) for value in row] for row in zip(*map(_values, batch), strict=True))


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as exc:
        raise BadSource(
            f"{path}: Parquet is read by the extra `files`: pip install 'riverwalk[files]'; or write it as csv or JSON lines"
        ) from exc
    try:
        with pq.ParquetFile(path, buffer_size=_BUFFER, page_checksum_verification=True) as file:
            yield file
    except (pa.ArrowException, OSError, UnicodeError) as exc:
        why = str(exc).strip().partition("\n")[0]
        raise BadSource(
            f"{path}: the Parquet file is damaged or ends early ({why}); write or fetch it again"
        ) from exc


def _batches(file: pq.ParquetFile, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
    return file.iter_batches(_ROWS, columns=columns)  # type: ignore[no-any-return]


def _stamped(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return pa.types.is_timestamp(kind) or pa.types.is_date(kind)


def _values(column: pa.Array) -> list[Any]:
    """The values of a column; bytes of text that are not UTF-8 stay apart as surrogates."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        # Python's own times end at microseconds
        column = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)
    try:
        return column.to_pylist()  # type: ignore[no-any-return]
    except UnicodeDecodeError:
        return column.cast(pa.large_binary()).to_pylist()  # type: ignore[no-any-return]


def _texts(column: pa.Array) -> list[str]:
    import pyarrow as pa

    kind = column.type
    if _stamped(kind):
        zone = kind.tz if pa.types.is_timestamp(kind) else None
        column = column.cast(pa.timestamp("ms", tz=zone), safe=False).cast(pa.int64())
    return [value if type(value) is str else _text(value) for value in _values(column)]


def _text(value: Any) -> str:
    """A value as a table of text would have it; whole numbers without a point, since nulls make floats of ids."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float | Decimal):
        if math.isnan(value):
            return ""
        return str(int(value)) if math.isfinite(value) and value == int(value) else str(value)
    return str(value)


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, float | Decimal):
        if not math.isfinite(value):
            return None
        return value if isinstance(value, float) else int(value) if value == int(value) else float(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo is None else value.astimezone(UTC)).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_text(one) for one in value if one is not None]
    return value if value is None or isinstance(value, str | int) else _text(value)
