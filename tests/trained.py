"""A short log and a folder that has learned it, for tests of `riverwalk train`."""

from pathlib import Path
from typing import Any

from deploy.config import Config, Learn, State
from deploy.dataset import find
from deploy.generated import columns
from deploy.training import Report, Training
from state.store import Store

N = 1_200
MADE = columns(2 * N, 200, 120, seed=3)
LINES = [f"{u},{i},{t}" for u, i, t in zip(MADE.user, MADE.item, MADE.t.tolist(), strict=True)]
STATE = (b"user", b"item", b"edge", b"seen", b"board", b"world", b"user.id", b"item.id", b"offset")


def write(path: Path, lines: list[str]) -> Path:
    """A log of these lines."""
    path.write_text("user,item,t\n" + "".join(line + "\n" for line in lines))
    return path


def config(folder: Path, **learn: Any) -> Config:
    """Small tables in a folder."""
    return Config(state=State(folder=str(folder), max_users=500, max_items=300), learn=Learn(**learn))


def train(folder: Path, log: Path, **options: Any) -> Report:
    """One run of `riverwalk train`."""
    with Training(config(folder)) as training:
        return training.run(find(str(log)), **options)


def rows(folder: Path, learned: bool = True) -> dict[bytes, bytes]:
    """What is in a store; without what is learned unless asked for."""
    store = Store(folder / "store")
    found = dict(store.rows())
    store.close()
    return {key: value for key, value in found.items() if learned or key.split(b"\0")[0] in STATE}
