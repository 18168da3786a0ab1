"""The commands that ask and tell, with every argument and option: one table for the socket, HTTP, CLI and reference.

The words of the socket, the query string of HTTP, `COMMAND DOCS`, the flags of `riverwalk query` and the reference in
the documentation are read from here; `stream.service.argument` has the reader of each kind.  This module imports
nothing of weight, as the command line imports it to print its help.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Kind = Literal[
    "switch", "count", "user", "item", "filter", "category", "seen", "share", "position", "timeout",
    "duration", "type", "number", "time", "json", "text", "search", "cursor",
]  # fmt: skip


class Parameter(NamedTuple):
    """An argument, or an option, which has a word on the socket; an argument with one may be given by it as well.

    Args:
        field: Of the request it becomes.
        metavar: What stands for its value in a syntax; empty for a switch.
        word: On the socket.
        http: In the query string.  An argument without one is a part of the path, an option without one always on.
        flag: Of `riverwalk query`.  An argument without one is an argument there, an option without one always on.
        required, many: Whether it must be there; whether it is a list.
        within: The field of the option it goes with.
        default: What holds without it, as text.
    """

    field: str
    kind: Kind
    help: str
    metavar: str = ""
    word: str = ""
    http: str = ""
    flag: str = ""
    required: bool = False
    many: bool = False
    within: str = ""
    default: str = ""


class Command(NamedTuple):
    """A command; `path` is its route over HTTP with the method where that is not GET, empty for none."""

    name: str
    summary: str
    arguments: tuple[Parameter, ...]
    options: tuple[Parameter, ...] = ()
    path: str = ""

    @property
    def syntax(self) -> str:
        """The command as the socket takes it: `SIMILAR item [k] [ALLTIME] …`."""
        inner = {option.within: f" [{_written(option)}]" for option in self.options if option.within}
        words = [self.name, *(_argument(one) for one in self.arguments)]
        words += [f"[{_written(one)}]" for one in self.arguments if one.word]
        words += [f"[{_written(one)}{inner.get(one.field, '')}]" for one in self.options if not one.within]
        return " ".join(words)


def _argument(one: Parameter) -> str:
    if one.many:
        return f"{one.metavar} [{one.metavar} …]"
    return one.metavar if one.required else f"[{one.metavar}]"


def _written(one: Parameter) -> str:
    value = f"n {one.metavar} …" if one.many else one.metavar
    return f"{one.word} {value}".rstrip()


_USER: Final = Parameter("user", "user", "The id of a user.", "user", required=True)
_ITEM: Final = Parameter("item", "item", "The id of an item.", "item", required=True)
_K: Final = Parameter("k", "count", "How many items, 1 to 1000.", "k", http="k", flag="-k", default="10")
_N: Final = _K._replace(metavar="n")
_SCORES: Final = Parameter("with_scores", "switch", "The score of each item after it.", word="WITHSCORES")
_REASONS: Final = Parameter(
    "with_reasons", "switch", "Why each item is there, after it.", word="WITHREASONS", http="reasons"
)
_MORE: Final = (
    Parameter(
        "with_titles", "switch", "The title of each item after it, empty where there is none.",
        word="WITHTITLES", http="titles", flag="--titles",
    ),
    Parameter(
        "with_meta", "switch", "Reply with items and meta by name: offsets, stream time, generation, and how old that is.",
        word="WITHMETA", http="meta", flag="--meta",
    ),
)  # fmt: skip
_FILTER: Final = Parameter(
    "filter", "filter", 'What items must be: category = "cup" and price < 5 and age < 7d.', "expression",
    "FILTER", "filter", "--filter",
)  # fmt: skip
_CATEGORY: Final = Parameter(
    "category", "category", "Of which category items must be.", "name", "CATEGORY", "category", "--category"
)
_LIST: Final = (
    Parameter(
        "exclude", "item", "Items that stay out.", "item", "EXCLUDE", "exclude", "--exclude", many=True
    ),
    _FILTER,
    Parameter(
        "per_category", "count", "Items of one category at most.", "n", "PERCATEGORY", "per_category",
        "--per-category", default="any number",
    ),
    Parameter(
        "diversity", "share", "How much variety counts against score in the order, 0 to 1.", "share", "DIVERSITY",
        "diversity", "--diversity", default="answer.diversity",
    ),
    Parameter(
        "tail", "share", "Leave out items less likely to be taken than this share of the best one's chance, 0 to 1.", "share", "TAIL", "tail",
        "--tail", default="answer.tail",
    ),
    Parameter(
        "explore", "share", "The share of the list, its last items, given to new items, 0 to 1.", "share", "EXPLORE", "explore",
        "--explore", default="answer.explore",
    ),
)  # fmt: skip

TABLE: Final = (
    Command(
        "RECOMMEND",
        "Items for a user, best first.",
        (_USER, _K),
        (
            _SCORES,
            _REASONS,
            Parameter(
                "include_seen", "switch", "Items the user had, too.", word="INCLUDESEEN", http="include_seen",
                flag="--include-seen",
            ),
            Parameter(
                "seen", "seen", "What keeps an item out, and how long: purchase,like=30d, or none.", "rule",
                "SEEN", "seen", "--seen", default="the section [seen]",
            ),
            *_LIST,
            Parameter(
                "after", "position", "Answer once this event, as EVENT printed it, is applied.",
                "partition:offset", "AFTER", "after", "--after",
            ),
            Parameter(
                "timeout_ms", "timeout", "Milliseconds to wait for that event, at most 60000.", "ms", "TIMEOUT",
                "timeout", "--after-timeout", within="after", default="1000",
            ),
            *_MORE,
            Parameter(
                "cursor", "cursor", "Pages without overlap: 0 for the first, then the cursor of the answer before; 0 comes after the last.",
                "cursor", "CURSOR", "cursor", "--cursor",
            ),
        ),
        "/recommend/{user}",
    ),
    Command(
        "SESSION",
        "Items for a visitor without a name, by the items looked at, the newest last.",
        (
            _K._replace(required=True),
            Parameter("visited", "item", "Items looked at, the newest last.", "item", required=True, many=True),
        ),
        (_SCORES, _REASONS, *_LIST, *_MORE),
        "/session/{item}/{item}…",
    ),
    Command(
        "RANK",
        "The given items in the order this user would want them.",
        (_USER, Parameter("items", "item", "Items to put in order.", "item", required=True, many=True)),
        (_SCORES, *_MORE),
        "/rank/{user}/{item}/{item}…",
    ),
    Command(
        "SIMILAR",
        "Items near an item, nearest first.",
        (_ITEM, _K),
        (
            Parameter(
                "all_time", "switch", "By the users the items share at any time, instead of lately.",
                word="ALLTIME", http="alltime", flag="--all-time",
            ),
            _SCORES,
            _FILTER,
            _CATEGORY,
            *_MORE,
        ),
        "/similar/{item}",
    ),
    Command(
        "TRENDING",
        "Items that rise, first the one that rises most.",
        (_K,),
        (
            Parameter(
                "half_life_ms", "duration", "How fast counts decay: 30m, 1h, 7d.", "duration", "HALFLIFE",
                "half_life", "--half-life",
            ),
            _SCORES,
            _FILTER,
            _CATEGORY,
            *_MORE,
        ),
        "/trending",
    ),
    Command(
        "EXPLAIN",
        "Why an item stands where it stands for a user, or is not shown: names and values.",
        (_USER, _ITEM),
        (_FILTER,),
        "/explain/{user}/{item}",
    ),
    Command(
        "HISTORY",
        "What a user had, an entry for each item, the newest first: the last event on it, its time, and how many there were.",
        (_USER, _N),
        path="/v1/history/{user}",
    ),
    Command(
        "GRAPH",
        "The co-watch edges of an item, the strongest first, with their weight now and their age; at most 64.",
        (_ITEM, _N),
        path="/v1/graph/{item}",
    ),
    Command(
        "USER",
        "What is known of a user: events, the first and the last time, and the newest items.",
        (_USER,),
        path="/v1/user/{user}",
    ),
    Command(
        "FIND",
        "Items and users whose id begins with a text, and items with its words in their title, whatever the case.",
        (Parameter("text", "search", "The beginning of an id, or words of a title.", "text", required=True), _N),
        path="/v1/find/{text}",
    ),
    Command(
        "EVENT",
        "Publish an event; the reply is its position in the topic, partition:offset.",
        (
            _USER,
            _ITEM,
            Parameter("type", "type", "view, click, like, dislike, purchase, watch, impression.", "type", "TYPE", default="view"),
            Parameter("value", "number", "How much it counts.", "value", "VALUE", default="1"),
            Parameter("t", "time", "Event time in milliseconds since 1970.", "t", "T", default="the wall clock, or stream time on a stream of the past"),
        ),
        (
            Parameter("id", "text", "Its id: an event that comes again with it counts once.", "id", "ID", flag="--id"),
            Parameter("source", "text", "Where the id is unique.", "source", "SOURCE", flag="--source"),
            Parameter(
                "with_meta", "switch", "Reply with place, t and clock by name: whose time t is, wall, stream or given.", word="WITHMETA",
                flag="--meta",
            ),
        ),
    ),
    Command(
        "ITEM",
        "The fields of an item; with a JSON object, replace them all, and with `null` remove them.",
        (_ITEM, Parameter("fields", "json", "Its fields from now on, a JSON object or null.", "{json}")),
        path="/item/{item}",
    ),
    Command("HIDE", "Leave an item out of every answer, from the next one on, until UNHIDE; what it is stays as it is.", (_ITEM,)),
    Command("UNHIDE", "Let an item be in answers again, whichever way it was hidden.", (_ITEM,)),
    Command(
        "FORGET",
        "Remove all that is remembered of a user; the reply is a receipt.",
        (_USER,),
        (
            Parameter(
                "wait_ms", "timeout", "Milliseconds to wait until it is applied, at most 60000.", "ms", "TIMEOUT",
                "timeout", "--timeout", default="5000",
            ),
        ),
        "DELETE /user/{user}",
    ),
)  # fmt: skip
COMMANDS: Final = {command.name: command for command in TABLE}
