"""Reads the rows of an Excel workbook (xlsx), and makes events of the Online Retail one.

An xlsx file is a zip of XML: a list of shared texts, and a sheet whose cells hold a number or the place of a text.
Only that much is read, as a stream.
"""

import gzip
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import Element, ParseError, iterparse

from deploy.data.download import BadDownload

_NAMESPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_EPOCH_DAYS = 25_569  # 1970-01-01 as Excel counts days
_DAY_S = 86_400
COLUMNS = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)


def table(book: IO[bytes]) -> Iterator[list[str]]:
    """The rows of the first sheet as texts, empty cells as empty texts."""
    with zipfile.ZipFile(book) as parts:
        texts: list[str] = []
        if "xl/sharedStrings.xml" in parts.namelist():
            with parts.open("xl/sharedStrings.xml") as xml:
                texts = [
                    "".join(t.text or "" for t in one.iter(_NAMESPACE + "t")) for one in _each(xml, "si")
                ]
        with parts.open("xl/worksheets/sheet1.xml") as xml:
            for row in _each(xml, "row"):
                yield _cells(row, texts)


def online_retail(archive: Path, folder: Path, progress: Callable[[int, int], None]) -> None:
    """Write `events.csv.gz` and `items.csv` from the published zip of Online Retail.

    Kept are the purchases of known customers: lines with a customer and no cancellation, sorted by time, lines of one
    minute in the order of the workbook. An item's title is its commonest description.
    """
    try:
        with zipfile.ZipFile(archive) as parts:
            name = next(one for one in parts.namelist() if one.endswith(".xlsx"))
            with parts.open(name) as book:
                events, titles, prices = _purchases(table(book), progress)
    except (zipfile.BadZipFile, StopIteration, KeyError, ParseError, ValueError, IndexError) as exc:
        raise BadDownload(f"{archive}: not the Online Retail workbook that was expected ({exc})") from exc
    events.sort(key=lambda event: event[2])
    with gzip.open(folder / "events.csv.gz", "wt", encoding="utf-8", newline="") as file:
        file.write("user,item,timestamp\n")
        file.writelines(f"{user},{item},{t}\n" for user, item, t in events)
    with (folder / "items.csv").open("w", encoding="utf-8", newline="") as file:
        file.write("item,title,unit_price\n")
        for item in sorted(titles):
            title = titles[item].most_common(1)[0][0].replace('"', '""')
            file.write(f'{item},"{title}",{prices[item]}\n')


Purchases = tuple[list[tuple[str, str, int]], dict[str, Counter[str]], dict[str, str]]


def _purchases(lines: Iterator[list[str]], progress: Callable[[int, int], None]) -> Purchases:
    header = next(lines)
    invoice, item, title, _, date, price, user, _ = (header.index(name) for name in COLUMNS)
    events: list[tuple[str, str, int]] = []
    titles: dict[str, Counter[str]] = defaultdict(Counter)
    prices: dict[str, str] = {}
    for number, row in enumerate(lines, 1):
        if number % 10_000 == 0:
            progress(number, 541_909)
        row += [""] * (len(header) - len(row))
        if not row[user] or not row[item] or row[invoice].startswith("C"):
            continue
        seconds = round((float(row[date]) - _EPOCH_DAYS) * _DAY_S / 60) * 60
        events.append((row[user].removesuffix(".0"), row[item], seconds))
        titles[row[item]][row[title].strip()] += 1
        prices[row[item]] = row[price]
    return events, titles, prices


def _each(xml: IO[bytes], tag: str) -> Iterator[Element]:
    """The elements of a name, each forgotten once it was used."""
    root: Element | None = None
    for event, element in iterparse(xml, events=("start", "end")):
        if root is None:
            root = element
        elif event == "end" and element.tag == _NAMESPACE + tag:
            yield element
            element.clear()
            if root is not None and len(root) > 1_000:
                root.clear()


def _cells(row: Element, texts: list[str]) -> list[str]:
    cells: list[str] = []
    for cell in row:
        place = _column(cell.get("r", ""), len(cells))
        cells += [""] * (place - len(cells))
        if cell.get("t") == "inlineStr":
            cells.append("".join(t.text or "" for t in cell.iter(_NAMESPACE + "t")))
            continue
        value = cell.findtext(_NAMESPACE + "v") or ""
        cells.append(texts[int(value)] if cell.get("t") == "s" else value)
    return cells


def _column(reference: str, otherwise: int) -> int:
    """The number of a cell's column: "A7" is 0, "AB7" is 27."""
    number = 0
    for letter in reference:
        if not letter.isalpha():
            break
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1 if number else otherwise
