"""Synthetic events of a shop; the same seed gives the same stream.

A catalogue has categories; titles are readable. A user has two or three favourite categories, and now and then one is
replaced: tastes drift. Users come in sessions of one category at a time, look again at what they own, go on from one
item to its few companions, or take a popular one. Some items are on the rise for a day. Users and items appear over
time. The hours of the day have their rhythm.
"""

import heapq
import random
from collections.abc import Iterator

import numpy as np

from stream.event.event import Event
from stream.file.event import Columns

START_MS = 1_735_689_600_000  # 2025-01-01 UTC
_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
_RHYTHM = (
    1,
    1,
    1,
    1,
    1,
    2,
    3,
    5,
    6,
    6,
    6,
    7,
    8,
    7,
    6,
    6,
    7,
    8,
    9,
    10,
    10,
    8,
    5,
    2,
)  # sessions by hour of the day
_COMPANIONS = 3
STOCKED = 0.4  # share of the items that are there from the start

Described = tuple[str, dict[str, str | int | float | list[str]]]

_CATALOGUE = {
    "tea": "teapot,tea towel,cake stand,mug,sugar bowl,tea tin,tray,milk jug,biscuit jar,tea cosy",
    "garden": "watering can,bird feeder,plant label,lantern,seed box,garden twine,trowel,flower pot,hammock,sun dial",
    "kitchen": "mixing bowl,rolling pin,apron,bread bin,pepper mill,chopping board,ladle,spice rack,oven glove,whisk",
    "wool": "scarf,blanket,bobble hat,mittens,cardigan,cushion,socks,shawl,knitting kit,jumper",
    "paper": "notebook,gift wrap,greeting card,calendar,envelope set,sketch pad,bookmark,photo album,stamp set,diary",
    "toys": "spinning top,kite,wooden train,puppet,jigsaw,toy boat,skipping rope,building blocks,doll,marble run",
    "light": "table lamp,candle,string lights,lampshade,night light,torch,candle holder,paper lantern,lamp oil,sconce",
    "bath": "soap dish,bath salts,towel,sponge,bath mat,hand cream,soap,robe,laundry bag,mirror",
    "outdoor": "picnic rug,thermos,camp stool,rucksack,compass,rain cape,bicycle bell,cool box,head torch,tent peg set",
    "music": "harmonica,music box,ukulele,tambourine,record sleeve,songbook,metronome,kazoo,drum,wind chime",
}
_LOOKS = (
    "red,blue,green,ivory,striped,spotted,floral,vintage,small,large,enamel,oak,linen,copper,hand-made,folding,"
    "checked,painted,glass,pale,bright,woven,carved,plain"
)
_NAMES = (
    "ada,bela,cleo,dina,elif,finn,gita,hugo,ines,jonas,kira,liam,mila,nora,oscar,petra,quinn,rosa,sami,tess,umar,vera,"
    "wim,xena,yuki,zoe"
)


def catalogue(items: int = 2_000, *, seed: int = 0, start_ms: int = START_MS) -> Iterator[Described]:
    """Id and fields of each item of the stream with this seed: title, category, price, tags, created.

    What is there from the start has come within the year before, the rest is created some days before its first event.
    """
    order = list(range(items))
    random.Random(seed).shuffle(order)  # as the shelf does
    place = {number: k / items for k, number in enumerate(order)}
    for number, (item, title, category) in enumerate(_items(items)):
        look, _, thing = title.lower().partition(" no. ")[0].partition(" ")
        late = (place[number] - STOCKED) / (1 - STOCKED)
        days = 30.0 * late if late > 0 else -365.0 * place[number] / STOCKED
        yield (
            item,
            {
                "title": title,
                "category": category,
                "price": round(0.95 + number * 7_919 % 40 * (1 + number % 7) / 4, 2),
                "tags": [look, thing],
                "created": start_ms + int(days * _DAY_MS),
            },
        )


def events(
    count: int = 200_000,
    *,
    users: int = 4_000,
    items: int = 2_000,
    days: float = 30.0,
    seed: int = 0,
    start_ms: int = START_MS,
) -> Iterator[Event]:
    """`count` events spread over about `days` days, in the order of their times."""
    chance = random.Random(seed)
    shelf = _Shelf(items, chance)
    people = [_Person(name, chance, len(shelf.names)) for name in _people(users)]
    step_ms = days * _DAY_MS * 4.0 / count  # four events make a session on average
    queue: list[tuple[float, int, int, int, int]] = []  # (t, session, user, category, events left)
    next_ms, sessions, made = float(start_ms), 0, 0
    while made < count:
        if not queue or next_ms <= queue[0][0]:
            hour = int(next_ms // _HOUR_MS) % 24
            sessions += 1
            share = made / count
            user = _newer(chance, users, share)
            shelf.grow(STOCKED + (1 - STOCKED) * share, chance)
            person = people[user]
            heapq.heappush(
                queue,
                (next_ms, sessions, user, person.favourite(chance), 1 + int(chance.expovariate(1 / 3.0))),
            )
            next_ms += chance.expovariate(1.0) * step_ms * 5.4 / _RHYTHM[hour]
            continue
        t, session, user, category, left = heapq.heappop(queue)
        person = people[user]
        item = _choice(person, category, shelf, chance)
        person.owned.append(item)
        draw = chance.random()
        kind = "view" if draw < 0.72 else "click" if draw < 0.86 else "purchase" if draw < 0.95 else "like"
        yield Event(user=person.name, item=shelf.ids[item], t=int(t), type=kind)
        made += 1
        if left > 1:
            heapq.heappush(
                queue, (t + 4_000 + chance.expovariate(1 / 30_000), session, user, category, left - 1)
            )


def columns(n: int, users: int, items: int, seed: int = 0) -> Columns:
    """`n` events as columns, made quickly for measurements: power-law users and items, categories, repeats, one a ms."""
    rng = np.random.default_rng(seed)
    user = (users * rng.random(n) ** 2.0).astype(np.int64)
    groups = max(1, min(32, items // 8))
    wide = items // groups
    favourite = (user * 7 + (rng.random(n) < 0.2) * rng.integers(0, groups, n)) % groups
    item = favourite * wide + (wide * rng.random(n) ** 2.5).astype(np.int64)
    # one event in five looks again at what the event eight places before took
    again = np.flatnonzero(rng.random(n) < 0.2)
    again = again[again >= 8]
    user[again], item[again] = user[again - 8], item[again - 8]
    names = np.array([f"u{number}" for number in range(users)], object)
    ids = np.array([f"i{number}" for number in range(items)], object)
    return Columns(
        names[user].tolist(),
        ids[item].tolist(),
        START_MS + np.arange(n, dtype=np.int64),
        np.zeros(n, np.int8),
        np.ones(n, np.float32),
    )


class _Person:
    """A user: a name, two or three favourite categories, and what was taken so far."""

    def __init__(self, name: str, chance: random.Random, categories: int) -> None:
        self.name = name
        self.tastes = [chance.randrange(categories) for _ in range(chance.choice((2, 2, 3)))]
        self.categories = categories
        self.owned: list[int] = []

    def favourite(self, chance: random.Random) -> int:
        """The category of the next session; one time in fifteen a taste is replaced first."""
        if chance.random() < 1 / 15:
            self.tastes[chance.randrange(len(self.tastes))] = chance.randrange(self.categories)
        return self.tastes[int(len(self.tastes) * chance.random() ** 1.6)]


class _Shelf:
    """What is for sale: by category a list of items, the most popular first."""

    def __init__(self, items: int, chance: random.Random) -> None:
        made = _items(items)
        self.names = sorted({category for _, _, category in made})
        self.ids = [item for item, _, _ in made]
        self.category = [self.names.index(category) for _, _, category in made]
        self.ranked: list[list[int]] = [[] for _ in self.names]
        self._waiting = list(range(items))
        chance.shuffle(self._waiting)
        self._waiting.reverse()
        self._items = items
        self.grow(STOCKED, chance)
        for ranked in self.ranked:
            chance.shuffle(ranked)

    def grow(self, share: float, chance: random.Random) -> None:
        """Put new items on the shelf until this share of all is there; now and then an item goes to the top."""
        while self._waiting and self._items - len(self._waiting) < max(len(self.names), share * self._items):
            item = self._waiting.pop()
            ranked = self.ranked[self.category[item]]
            ranked.insert(int(len(ranked) * chance.random()), item)
        if chance.random() < 0.004:
            ranked = chance.choice([one for one in self.ranked if one])
            ranked.insert(0, ranked.pop(chance.randrange(len(ranked))))


def _choice(person: _Person, category: int, shelf: _Shelf, chance: random.Random) -> int:
    """The next item: one's own again, a companion of the last one, or a popular one of the category."""
    ranked = shelf.ranked[category] or next(one for one in shelf.ranked if one)
    draw = chance.random()
    if person.owned and draw < 0.25:
        return person.owned[-1 - int(min(len(person.owned), 12) * chance.random() ** 2)]
    if person.owned and draw < 0.55:
        last = person.owned[-1]
        return ranked[(last * 7_919 + 13 * chance.randrange(_COMPANIONS)) % len(ranked)]
    return ranked[int(len(ranked) * chance.random() ** 2.5)]


def _newer(chance: random.Random, users: int, share: float) -> int:
    """A user among those who are there by now: a fifth at first, all in the end; some come often."""
    there = max(1, int(users * (0.2 + 0.8 * share)))
    if chance.random() < 0.15:
        return there - 1 - int(min(there, users * 0.02 + 1) * chance.random())
    return int(there * chance.random() ** 1.8)


def _items(count: int) -> list[tuple[str, str, str]]:
    """(id, title, category) of `count` items; ids do not tell what is popular."""
    looks = _LOOKS.split(",")
    things = [(category, thing) for category, names in _CATALOGUE.items() for thing in names.split(",")]
    made = []
    for number in range(count):
        category, thing = things[number * 37 % len(things)]
        series, look = divmod(number // len(things), len(looks))
        title = f"{looks[look]} {thing}".capitalize() + (f" no. {series + 1}" if series else "")
        made.append((f"{category}-{number:04d}", title, category))
    return made


def _people(count: int) -> list[str]:
    names = _NAMES.split(",")
    return [f"{names[number % len(names)]}-{number // len(names) + 1}" for number in range(count)]
