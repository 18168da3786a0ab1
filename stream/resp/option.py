"""Read the words of a command by the table of its arguments and options."""

from __future__ import annotations

from typing import Any, Final

from stream.answer.request import MAX_K
from stream.error import BadRequest
from stream.event.identifier import short
from stream.service.argument import READERS, Reader, agree, count
from stream.service.parameter import COMMANDS, Command


class Grammar:
    """The words a command takes: arguments, then options in any order, those with a value once.

    Where items are listed, an item that is called as an option is one where what follows does not read as options.
    """

    def __init__(self, command: Command) -> None:
        self.syntax: str = command.syntax
        self._required = [
            (i, one.field, READERS[one.kind], one.metavar)
            for i, one in enumerate(command.arguments)
            if one.required and not one.many
        ]
        self._least = len(self._required)
        self._optional_k = any(one.field == "k" and not one.required for one in command.arguments)
        self._items = next((one.field for one in command.arguments if one.many), "")
        self._spelled = {one.field: one.word for one in command.options}
        self.options: dict[bytes, tuple[str, Reader | None, str, bool]] = {
            one.word.encode(): (one.field, READERS.get(one.kind), one.word, one.many)
            for one in command.options
        }

    def read(self, words: list[bytes]) -> dict[str, Any]:
        """The values by field.

        Raises:
            BadRequest: It says what was wanted.
        """
        at, end = self._least, len(words)
        if end < at:
            raise BadRequest(f"wanted {self.syntax}")
        values: dict[str, Any] = {}
        for i, field, read, what in self._required:
            values[field] = read(what, words[i])
        if at == end and not self._items:
            return values
        if self._optional_k and not words[at][:1].isalpha():
            values["k"] = count("k", words[at])
            at += 1
        if self._items:
            until = self._last_item(words, at)
            values[self._items] = self._listed(words[at:until])
            at = until
        if at < end:
            self._read_options(words, at, values)
        return values

    def _read_options(self, words: list[bytes], at: int, values: dict[str, Any]) -> None:
        options, end = self.options, len(words)
        while at < end:
            word = words[at]
            found = options.get(word) or options.get(word.upper())
            if found is None or (found[1] is not None and found[0] in values):
                raise BadRequest(f"{short(word)} is no option here; wanted {self.syntax}, each option once")
            field, read, name, many = found
            at += 1
            if read is None:
                values[field] = True
                continue
            value = words[at] if at < end else b""
            at += 1
            if many:
                n = _size(name, value, end - at)
                values[field] = [read("item", each) for each in words[at : at + n]]
                at += n
            else:
                values[field] = read(name, value)
        agree(values, self._spelled)

    def _last_item(self, words: list[bytes], at: int) -> int:
        """Where the items end: at the first word, after one item, from which on all reads as options."""
        for i in range(at + 1, len(words)):
            if words[i].upper() in self.options and self._are_options(words, i):
                return i
        return len(words)

    def _are_options(self, words: list[bytes], at: int) -> bool:
        while at < len(words):
            found = self.options.get(words[at].upper())
            if found is None:
                return False
            at += 1 if found[1] is None else 2
            if found[3] and at <= len(words) and words[at - 1].isdigit() and len(words[at - 1]) <= 6:
                at += int(words[at - 1])
        return at == len(words)

    def _listed(self, words: list[bytes]) -> list[str]:
        if not 1 <= len(words) <= MAX_K:
            raise BadRequest(f"wanted {self.syntax}, with 1 to {MAX_K} items; got {len(words)}")
        return [READERS["item"]("item", word) for word in words]


def _size(name: str, word: bytes, most: int) -> int:
    """How many items follow."""
    if word.isdigit() and len(word) <= 6 and 1 <= (n := int(word)) <= min(most, MAX_K):
        return n
    raise BadRequest(
        f"{name} {short(word)}; wanted how many items follow, a whole number from 1 to {MAX_K}, and so many items"
    )


ASKED: Final = (
    *("RECOMMEND", "SESSION", "RANK", "SIMILAR", "TRENDING", "EXPLAIN"),
    *("HISTORY", "GRAPH", "USER", "FIND", "HIDE", "UNHIDE", "FORGET"),
)
GRAMMARS: Final = {name: Grammar(COMMANDS[name]) for name in ASKED}
