"""The Online Retail workbook becomes events, read as a stream."""

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from deploy.data import online_retail
from deploy.data.download import BadDownload

NAMESPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def retail(rows: list[list[str | float]]) -> bytes:
    """A workbook as Excel writes it, zipped as UCI publishes it."""
    texts = sorted({cell for row in rows for cell in row if isinstance(cell, str) and cell})
    shared = "".join(f"<si><t>{text}</t></si>" for text in texts)
    lines = ""
    for number, row in enumerate(rows, 1):
        cells = ""
        for place, cell in enumerate(row):
            at = f'r="{"ABCDEFGH"[place]}{number}"'
            if isinstance(cell, str) and cell:
                cells += f'<c {at} t="s"><v>{texts.index(cell)}</v></c>'
            elif cell != "":
                cells += f"<c {at}><v>{cell}</v></c>"
        lines += f'<row r="{number}">{cells}</row>'
    book, outer = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(book, "w") as parts:
        parts.writestr("xl/sharedStrings.xml", f"<sst {NAMESPACE}>{shared}</sst>")
        parts.writestr(
            "xl/worksheets/sheet1.xml", f"<worksheet {NAMESPACE}><sheetData>{lines}</sheetData></worksheet>"
        )
    with zipfile.ZipFile(outer, "w") as parts:
        parts.writestr("Online Retail.xlsx", book.getvalue())
    return outer.getvalue()


def test_the_retail_workbook_becomes_purchases_of_known_customers(tmp_path: Path) -> None:
    archive = tmp_path / "retail.zip"
    archive.write_bytes(
        retail(
            [
                list(online_retail.COLUMNS),
                [536366, 22633, "HAND WARMER", 6, 40513.352777777778, 1.85, 17850, "United Kingdom"],
                [536365, "85123A", "WHITE HEART", 6, 40513.351388888892, 2.55, 17850, "United Kingdom"],
                ["C536379", "D", "Discount", -1, 40513.4, 27.5, 14527, "United Kingdom"],
                [536414, 22139, "", 56, 40513.5, 0, "", "United Kingdom"],
            ]
        )
    )

    online_retail.online_retail(archive, tmp_path, lambda done, total: None)

    assert gzip.decompress((tmp_path / "events.csv.gz").read_bytes()).decode().splitlines() == [
        "user,item,timestamp",
        "17850,85123A,1291191960",
        "17850,22633,1291192080",
    ]
    assert (tmp_path / "items.csv").read_text().splitlines() == [
        "item,title,unit_price",
        '22633,"HAND WARMER",1.85',
        '85123A,"WHITE HEART",2.55',
    ]


def test_a_file_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    (tmp_path / "retail.zip").write_bytes(b"not a zip")

    with pytest.raises(BadDownload, match="not the Online Retail workbook"):
        online_retail.online_retail(tmp_path / "retail.zip", tmp_path, lambda done, total: None)
