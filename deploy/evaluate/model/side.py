"""What is known beside the events: what items and users are, and who trusts whom.

    items    a file of items as `riverwalk produce --items` takes it, or the films of MovieLens; else what lies beside the log
    users    the same of users, or MovieLens' u.user
    trust    an npz with arrays src and dst (rows of the log's user_ids), or a table of two columns: who trusts, and whom

A field becomes columns of numbers (`stream.file.feature`); one of few words becomes a kind, too.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deploy.config.schema import BadConfig
from deploy.data import item as catalogue
from deploy.evaluate.protocol import Named
from deploy.evaluate.setting import Job
from stream.error import BadEvent, BadSource
from stream.file import item as listing
from stream.file import movielens
from stream.file.feature import BadColumn, Rows, encode

WIDTH = 64  # columns that a row of fields becomes
KINDS = 256  # of one field at most
EACH = 3  # ids of a kind, on the average, at least
CATEGORY = (
    "category",
    "categories",
    "genre",
    "genres",
    "publisher",
    "brand",
    "author",
    "department",
    "season",
)
LEFT_OUT = {
    movielens.FILE: ("title", "categories", "created")
}  # they say nothing, or what another field says
USERS, TRUST = ("u.user", "users.csv", "users.jsonl"), ("trust.npz", "trust.csv", "trust.csv.gz")
U_USER = ("age", "gender", "occupation")


class Side(NamedTuple):
    """What is known of the rows of a log; None where nothing is.

    Shapes:
        - user_columns, item_columns: float32 [n_users, WIDTH], [n_items, WIDTH]
        - user_kinds, item_kinds: int32 [n_users] or [n_items] by name, -1 for none
        - trust: int32 [2, e]
    """

    user_columns: np.ndarray | None = None
    item_columns: np.ndarray | None = None
    user_kinds: Mapping[str, np.ndarray] | None = None
    item_kinds: Mapping[str, np.ndarray] | None = None
    trust: np.ndarray | None = None


class Files(NamedTuple):
    """Where it stands; None where nothing does."""

    items: Path | None = None
    users: Path | None = None
    trust: Path | None = None


def files(log: Path, items: str = "", users: str = "", trust: str = "") -> Files:
    """Return the files to read: those that are named, else those that lie beside the log."""
    beside = [
        next((log.parent / name for name in names if (log.parent / name).is_file()), None)
        for names in (USERS, TRUST)
    ]
    return Files(
        Path(items) if items else catalogue.beside(log),
        Path(users) if users else beside[0],
        Path(trust) if trust else beside[1],
    )


def of(named: Named, job: Job) -> Side:
    """Return what is known beside the events of a job."""
    log, asked = Path(job.path), job.asked
    found = files(log, job.items or asked.item_columns, job.users or asked.user_columns, job.trust)
    return side(log, found, named.users, named.items, sampled=job.share < 1)


def side(
    log: Path, found: Files, users: Sequence[str], items: Sequence[str], *, sampled: bool = False
) -> Side:
    """Return what the files say of the log's rows.

    Args:
        users, items: Names, in the order of the rows.
        sampled: Whether the log is a sample: then a file that names nobody of it is passed over.

    Raises:
        BadConfig: A file that cannot be read, or that names nobody of the log.
    """
    item_fields = _fields(found.items, items, "item", sampled) if found.items else {}
    user_fields = _fields(found.users, users, "user", sampled) if found.users else {}
    item_kinds = _kinds(item_fields, items)
    item_kinds.update(_npz_kinds(log, items))
    return Side(
        _columns(found.users, user_fields, users),
        _columns(found.items, item_fields, items),
        _kinds(user_fields, users) or None,
        item_kinds or None,
        trust(log, found.trust, users, sampled) if found.trust else None,
    )


def _fields(path: Path, names: Sequence[str], what: str, sampled: bool) -> Rows:
    """Return the line and the fields of each id of the log that the file names."""
    if not path.is_file():
        raise BadConfig(
            f"--{what}s {path}: no such file; give one that says what {what}s are, as csv or JSON lines"
        )
    known, rows, first, count = set(names), Rows(), "", 0
    refused = catalogue.Refused()
    try:
        for line, name, fields in _lines(path, what, refused):
            first, count = first or name, count + 1
            if name in known:
                left_out = LEFT_OUT.get(path.name, ())
                rows[name] = line, {key: value for key, value in fields.items() if key not in left_out}
    except (BadSource, BadEvent, OSError, UnicodeDecodeError) as exc:
        raise BadConfig(f"--{what}s {path}: {exc}") from exc
    if not count:
        raise BadConfig(f"--{what}s {path}: no {what} in it{f'; {refused.first}' if refused.first else ''}")
    if not rows and not sampled:
        raise BadConfig(
            f"--{what}s {path}: none of its {count:,} ids is {'an' if what == 'item' else 'a'} {what} of the log: it has "
            f"{first!r}, the log {names[0]!r}; the first column must hold the ids of the events, written the same"
        )
    return rows


def _lines(path: Path, what: str, refused: catalogue.Refused) -> list[tuple[int, str, dict[str, object]]]:
    if path.name == "u.user":
        text = path.read_text(encoding="latin-1").splitlines()
        parts = [(line, row.split("|")) for line, row in enumerate(text, 1)]
        return [
            (line, row[0], dict(zip(U_USER, row[1:], strict=False)))
            for line, row in parts
            if len(row) >= 4 and row[0].isdecimal()
        ]
    if path.name == movielens.FILE:
        return [(row.line, row.item, dict(row.fields)) for row in movielens.rows(path, refused)]
    return [(row.line, row.item, dict(row.fields)) for row in listing.rows(path, refused)]


def _columns(path: Path | None, rows: Rows, names: Sequence[str]) -> np.ndarray | None:
    if path is None or not rows:
        return None
    fields = list(dict.fromkeys(key for _, own in rows.values() for key in own))
    try:
        found = encode(path, fields, rows, WIDTH)
    except BadColumn as exc:
        raise BadConfig(str(exc)) from exc
    none = np.zeros(WIDTH, np.float32)
    return np.stack([found.get(name, none) for name in names]).astype(np.float32)


def _kinds(rows: Rows, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the kinds of each field that has few words, or whose name says that it tells kinds."""
    out: dict[str, np.ndarray] = {}
    for field in dict.fromkeys(key for _, own in rows.values() for key in own):
        words = {name: word for name, (_, own) in rows.items() if (word := _word(own.get(field), field))}
        number = {word: k for k, word in enumerate(sorted(set(words.values())))}
        if 2 <= len(number) <= min(KINDS, len(words) / EACH):
            out[field] = np.array([number[words[name]] if name in words else -1 for name in names], np.int32)
    return out


def _word(value: object, field: str) -> str:
    """Return the word of a value, of a list the first; empty where it has none."""
    if isinstance(value, list):
        value = value[0] if value else ""
    if isinstance(value, str):
        return "" if _is_number(value) and field not in CATEGORY else value.strip()
    return str(value) if value is not None and field in CATEGORY else ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _npz_kinds(log: Path, items: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the category of each item where an npz of events has one an event: that of most of its events."""
    if log.suffix != ".npz":
        return {}
    with np.load(log, allow_pickle=False) as arrays:
        if "category" not in arrays:
            return {}
        item, category = arrays["item"], arrays["category"].astype(np.int64)
        ids = arrays["item_ids"][item] if "item_ids" in arrays else item
    most: dict[str, Counter[int]] = {}
    for name, kind in zip(ids.tolist(), category.tolist(), strict=True):
        most.setdefault(str(name), Counter())[kind] += 1
    number = {kind: k for k, kind in enumerate(sorted(set(category.tolist())))}
    found = [number[most[name].most_common(1)[0][0]] if name in most else -1 for name in items]
    return {"category": np.array(found, np.int32)}


def trust(log: Path, path: Path, users: Sequence[str], sampled: bool) -> np.ndarray:
    """Return who trusts whom by rows of the log, int32 [2, e]; strangers are left out.

    Raises:
        BadConfig: It cannot be read, or names no two users of the log.
    """
    if not path.is_file():
        raise BadConfig(f"--trust {path}: no such file; give a table of two columns: who trusts, and whom")
    try:
        pairs = _npz_pairs(log, path) if path.suffix == ".npz" else _table_pairs(path)
    except (OSError, EOFError, UnicodeDecodeError, ValueError, KeyError, IndexError) as exc:
        raise BadConfig(
            f"--trust {path}: cannot be read ({exc}); wanted two columns, who trusts and whom"
        ) from exc
    row = {name: k for k, name in enumerate(users)}
    found = [(row[a], row[b]) for a, b in pairs if a in row and b in row and a != b]
    if not found and not sampled:
        first = f"it has {pairs[0][0]!r}, the log {users[0]!r}" if pairs else "it is empty"
        raise BadConfig(
            f"--trust {path}: no two of its users are in the log: {first}; write ids as the events do"
        )
    return np.array(sorted(set(found)), np.int32).reshape(-1, 2).T.copy()


def _npz_pairs(log: Path, path: Path) -> list[tuple[str, str]]:
    with np.load(path, allow_pickle=False) as arrays:
        ends = [arrays["src"], arrays["dst"]]
    if log.suffix == ".npz":
        with np.load(log, allow_pickle=False) as arrays:
            if "user_ids" in arrays:
                ids = arrays["user_ids"]
                inside = np.logical_and.reduce([(one >= 0) & (one < ids.shape[0]) for one in ends])
                ends = [ids[one[inside]] for one in ends]
    return [(str(a), str(b)) for a, b in zip(*(one.tolist() for one in ends), strict=True)]


def _table_pairs(path: Path) -> list[tuple[str, str]]:
    with (
        gzip.open(path, "rt", encoding="utf-8")
        if path.suffix == ".gz"
        else path.open(encoding="utf-8") as lines
    ):
        text = lines.read().splitlines()
    delimiter = max((",", "\t", ";", " "), key=(text[0] if text else "").count)
    rows = [row for row in csv.reader(text, delimiter=delimiter) if row]
    return [(row[0].strip(), row[1].strip()) for row in rows]
