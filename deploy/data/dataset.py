"""Data sets: a path, a known one by name, the download cache, a download, or synthetic events.

    --data PATH or NAME  >  $RIVERWALK_DATA  >  the user's cache  >  a download  >  a generated stream

The default is Online Retail. Nothing is redistributed: files come from where they are published, by their terms.
"""

import difflib
import gzip
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from deploy.config.schema import BadConfig
from deploy.data import item, online_retail, synthetic
from deploy.data.download import BadDownload, fetch
from deploy.data.pipe import is_pipe, kept
from deploy.terminal.progress import Step
from stream.error import BadEvent, BadRequest, BadSource
from stream.event.event import Event
from stream.file import event as replay
from stream.file.column import ANY, Selection, selection
from stream.file.plan import plan

GENERATED = "generated"

Say = Callable[[str], None]
Watch = Callable[[str], Step]
"""Makes a progress callback from a title; `deploy/terminal/progress.py` draws it."""


class Known(msgspec.Struct, frozen=True):
    """A public data set: what it is, where it is published, and how to tell that what came is it."""

    name: str
    about: str
    terms: str
    type: str  # of its events, where the file does not say
    also: tuple[str, ...] = ()
    url: str = ""
    size: int = 0
    sha256: str | None = None


# The checksums are published ones: MovieLens in TensorFlow Datasets (url_checksums/movielens.txt); Online Retail and
# Wikipedia in several public projects that pin them beside the same size.
KNOWN = (
    Known(
        name="online-retail",
        about="Online Retail, purchases in a gift shop 2010-2011",
        terms="Daqing Chen, UCI, CC BY 4.0",
        type="purchase",
        also=("retail",),
        url="https://archive.ics.uci.edu/static/public/352/online+retail.zip",
        size=23_715_478,
        sha256="f5385cbb54bbebf7196389109c6b0621faab0c304e3702548165e71c84aede8b",
    ),
    Known(
        name="ml-100k",
        about="MovieLens 100K, film ratings 1997-1998",
        terms="GroupLens, research use, no redistribution",
        type="watch",
        also=("movielens", "ml100k"),
        url="https://files.grouplens.org/datasets/movielens/ml-100k.zip",
        size=4_924_029,
        sha256="50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
    ),
    Known(
        name="jodie-wikipedia",
        about="Wikipedia, one month of edits (JODIE)",
        terms="Stanford SNAP; Wikipedia content is CC BY-SA",
        type="view",
        also=("wikipedia", "tgbl-wiki"),
        url="https://snap.stanford.edu/jodie/wikipedia.csv",
        size=559_937_473,
        sha256="a6b73e09c0d1e5b9db11e7e7aa416f2e87838a745273e0446a79952cf4cfae09",
    ),
    Known(
        name="ciao",
        about="Ciao, product ratings 2000-2011",
        terms="research, cite Tang et al.; no public download is known here",
        type="view",
    ),
)


class Dataset(msgspec.Struct, frozen=True):
    """Events with a name.  `path` is their file; None means they are generated.  `items` says what their items are."""

    name: str
    path: Path | None
    items: Path | None = None
    note: str = ""  # how it was found, in one line for the screen
    type: str = "view"
    chosen: Selection = ANY  # which columns of `path` hold what
    moved_ms: int = 0  # by which all times are later than they were

    def events(
        self, on_bad: Callable[[BadEvent], None] | None = None, *, sort: bool = True
    ) -> Iterator[Event]:
        """The events in the order of their times, of the file without `sort`; `on_bad` gets each line that is none."""
        if self.moved_ms:
            still = msgspec.structs.replace(self, moved_ms=0)
            for event in still.events(on_bad, sort=sort):
                yield msgspec.structs.replace(event, t=event.t + self.moved_ms)
            return
        if self.path is None:
            yield from synthetic.events()
            return
        for event in replay.events(self.path, chosen=self.chosen, sort=sort, on_bad=on_bad):
            yield event if event.type != "view" else msgspec.structs.replace(event, type=self.type)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is said of how the events are read, a line each; nothing of a known data set."""
        if self.path is None or self.name in {one.name for one in KNOWN}:
            return ()
        return plan(self.path, chosen=self.chosen).remarks

    def described(self, refused: item.Refused | None = None) -> Iterator[item.Item]:
        """What is known of the items; `refused` is given each row that describes none, and remarks."""
        if self.items is not None or self.path is None:
            found = item.read(self.items, self.name, item.Refused() if refused is None else refused)
            yield from item.moved(found, self.moved_ms) if self.moved_ms else found


def _silent(_: str) -> Step:
    return lambda done, total: None


def find(
    data: str | None = None,
    *,
    items: Path | None = None,
    columns: str | None = None,
    env: Mapping[str, str] | None = None,
    online: bool = True,
    say: Say = lambda line: None,
    watch: Watch = _silent,
) -> Dataset:
    """The events to work on.

    Args:
        data: A file, a folder, `-` for standard input, a named pipe, or a name: online-retail, ml-100k, jodie-wikipedia, ciao, generated.
        items: The file that says what the items are; what lies beside the events when left out.
        columns: Which columns hold what, as `user=visitorid,item=sku,t=ts:s`; found by their names when left out.
        env: The environment; the process's own when left out.
        online: Whether something may be downloaded.

    Raises:
        BadConfig: what was asked for is nowhere; says where it was looked for and what to do.
    """
    env = os.environ if env is None else env
    if items is not None or columns is not None:
        try:
            chosen = selection(columns)
        except BadRequest as exc:
            raise BadConfig(f"--columns {exc}") from exc
        found = find(data, env=env, online=online, say=say, watch=watch)
        return msgspec.structs.replace(found, items=items or found.items, chosen=chosen)
    if data == GENERATED:
        return _made("generated events, as asked")
    if data is not None and is_pipe(data):
        path = kept(data)
        return Dataset(path.name, path, note="from standard input" if data == "-" else f"from {data}")
    if data is not None and Path(data).expanduser().exists():
        return _at(Path(data).expanduser(), "from --data")
    if data is not None:
        return _named(_known(data), env, online, say, watch)
    root = env.get("RIVERWALK_DATA", "")
    if root:
        if not Path(root).exists():
            raise BadConfig(f"RIVERWALK_DATA={root}: no such file or folder; unset it or give --data PATH")
        return _at(Path(root), "from $RIVERWALK_DATA")
    try:
        return _named(KNOWN[0], env, online, say, watch)
    except BadConfig as exc:
        say(f"{exc.__cause__ or exc}")
        return _made("generated events, as no data set is at hand; --data PATH shows yours")


def cache(env: Mapping[str, str]) -> Path:
    """Where downloads are kept."""
    if env.get("RIVERWALK_CACHE"):
        return Path(env["RIVERWALK_CACHE"]).expanduser()
    base = env.get("XDG_CACHE_HOME") or str(Path(env.get("HOME", "~")).expanduser() / ".cache")
    return Path(base) / "riverwalk"


def _at(path: Path, how: str) -> Dataset:
    """The data set at a path: a file, the folder of one data set, or a folder with known ones below it."""
    if path.is_dir():
        below = [one for one in KNOWN if (path / one.name).is_dir()]
        if below:
            return _open(path / below[0].name, how)
    return _open(path, how)


def _named(known: Known, env: Mapping[str, str], online: bool, say: Say, watch: Watch) -> Dataset:
    root = env.get("RIVERWALK_DATA", "")
    if root and (Path(root) / known.name).is_dir():
        return _open(Path(root) / known.name, "from $RIVERWALK_DATA")
    folder = cache(env) / known.name
    if _complete(folder):
        return _open(folder, f"from {folder}")
    if not known.url or not online:
        why = "downloads are off" if known.url else known.terms
        raise BadConfig(f"{known.name}: not in $RIVERWALK_DATA and not in {folder} ({why}); give --data PATH")
    say(f"downloading {known.about}, {known.size / 1e6:.0f} MB ({known.terms})")
    try:
        _get(known, folder, say, watch)
    except BadDownload as exc:
        raise BadConfig(
            f"{known.name}: not at hand and the download failed: {exc}; give --data PATH"
        ) from exc
    return _open(folder, f"downloaded to {folder}")


def _get(known: Known, folder: Path, say: Say, watch: Watch) -> None:
    """Download a data set into the cache and bring it into a form that is read quickly."""
    archive = folder / (known.url.rpartition("/")[2].replace("+", "-"))
    if not fetch(known.url, archive, sha256=known.sha256, size=known.size, progress=watch(known.name)):
        say(
            f"no checksum is published for {archive.name}: this first download is trusted, its sha256 is kept beside it"
        )
    if known.name == "online-retail":
        online_retail.online_retail(archive, folder, watch("reading the workbook"))
    elif known.name == "ml-100k":
        _unpack(archive, folder, ("u.data", "u.item", "README"))
    elif known.name == "jodie-wikipedia":
        _thin(archive, folder / "wikipedia.csv.gz")
    archive.unlink()
    (folder / "complete").write_text(f"{known.url}\n", encoding="utf-8")


def _complete(folder: Path) -> bool:
    return (folder / "complete").is_file()


def _unpack(archive: Path, folder: Path, names: tuple[str, ...]) -> None:
    """Take the named members, whatever folder of the zip they lie in, and nothing else."""
    try:
        with zipfile.ZipFile(archive) as parts:
            for member in parts.namelist():
                if Path(member).name in names:
                    (folder / Path(member).name).write_bytes(parts.read(member))
    except zipfile.BadZipFile as exc:
        raise BadDownload(f"{archive}: no zip file ({exc})") from exc


def _thin(source: Path, target: Path) -> None:
    """Keep the four first columns, as 172 numbers follow them in each line that nobody reads here."""
    with source.open(encoding="utf-8") as lines, gzip.open(target, "wt", encoding="utf-8") as kept:
        next(lines)
        kept.write("u,i,ts,label\n")
        kept.writelines(",".join(line.split(",", 4)[:4]) + "\n" for line in lines)


def _known(name: str) -> Known:
    names = {also: one for one in KNOWN for also in (one.name, *one.also)}
    if name in names:
        return names[name]
    near = difflib.get_close_matches(name, [*names, GENERATED], 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    known = ", ".join([*(one.name for one in KNOWN), GENERATED])
    raise BadConfig(
        f"--data {name}: no such file or folder, and no data set of that name (known: {known}){hint}"
    )


def _open(path: Path, how: str) -> Dataset:
    try:
        file = replay.event_file(path)
    except BadSource as exc:
        raise BadConfig(str(exc)) from exc
    known = next((one for one in KNOWN if one.name == file.parent.name), None)
    about = known.about if known else file.name
    return Dataset(
        name=known.name if known else file.name,
        path=file,
        items=item.beside(file),
        note=f"{about}, {how}",
        type=known.type if known else "view",
    )


def _made(note: str) -> Dataset:
    return Dataset(name=GENERATED, path=None, note=note)
