"""The films of MovieLens, from `u.item` as GroupLens publishes it (Latin-1, a film a line):

    id|title (year)|release date|video release date|IMDb URL|19 flags, one for each genre

Fields of a film: title, year, genres, the same as categories, and created where it was released after 1969.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from stream.catalogue.record import Value
from stream.error import BadEvent
from stream.file.item import Fields, Reject, Row

FILE = "u.item"
GENRES = (
    "", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_TITLE = re.compile(r"(.*?)(?:\s*\(([0-9]{4})\))?\s*(?:\([A-Z]+\))?")
_DATE = re.compile(f"([0-9]{{1,2}})-({'|'.join(MONTHS)})-([0-9]{{4}})")


def rows(path: Path, reject: Reject) -> Iterator[Row]:
    """The films of a file in file order; each bad line is reported to `reject`, named file:line."""
    with path.open(encoding="latin-1") as file:
        for line, text in enumerate(file, 1):
            parts = text.rstrip("\r\n").split("|")
            if not text.strip() or parts[0].strip() == "movie id":
                continue
            if len(parts) < 3 or not parts[0].isdecimal():
                why = f"{text[:40]!r} is no film; expected id|title (year)|release date|…"
                reject(BadEvent("missing", f"{path}:{line}: {why}"))
                continue
            yield Row(line, parts[0], _fields(parts))


def _fields(parts: list[str]) -> Fields:
    title, year = _TITLE.fullmatch(parts[1].strip()).groups()  # type: ignore[union-attr]  # it matches anything
    fields: dict[str, Value] = {"title": title}
    if year:
        fields["year"] = int(year)
    genres = [genre for genre, flag in zip(GENRES, parts[5:24], strict=False) if flag == "1" and genre]
    if genres:
        fields["genres"] = fields["categories"] = genres
    released = _DATE.fullmatch(parts[2])
    if released and released[3] >= "1970":
        month = MONTHS.index(released[2]) + 1
        fields["created"] = f"{released[3]}-{month:02d}-{int(released[1]):02d}"
    return fields
