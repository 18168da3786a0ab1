"""Subscriptions: receivers hear of a list when it changes, of each change once, and not too often."""

import asyncio
import time
from collections.abc import Callable

import pytest

from stream.answer.request import Recommend
from stream.error import BadRequest, Loading
from stream.service.subscription import Subscriptions, Update
from tests.fixture.backend import Toy, on_loop


class Heard:
    """What a receiver was told."""

    def __init__(self) -> None:
        self.lists: list[list[str]] = []
        self.updates: list[Update] = []

    def __call__(self, update: Update) -> None:
        self.lists.append(update.answer.items)
        self.updates.append(update)


async def until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about in time"
        await asyncio.sleep(0.002)


def watch(toy: Toy, **options: float) -> Subscriptions:
    return Subscriptions(toy, **options)  # type: ignore[arg-type]


def test_a_receiver_hears_of_another_list_and_not_of_the_same_one() -> None:
    async def test() -> None:
        toy, heard = Toy(), Heard()
        hub = watch(toy, rate=1_000)
        hub.subscribe("bob", Recommend("bob", 2), heard)
        await until(lambda: toy.recommended == 1)
        toy.change("bob")
        await until(lambda: toy.recommended == 2)
        toy.change("bob", ["i9", "i8"])
        await until(lambda: bool(heard.lists))
        hub.close()

        assert heard.lists == [["i9", "i8"]]

    on_loop(test)


def test_the_list_as_it_is_comes_first_for_who_asks_for_it() -> None:
    async def test() -> None:
        toy, one, other, late = Toy(), Heard(), Heard(), Heard()
        hub = watch(toy)
        hub.subscribe("bob", Recommend("bob", 1), one, first=True)
        hub.subscribe("bob", Recommend("bob", 1), other)
        await until(lambda: bool(one.lists))
        hub.subscribe("bob", Recommend("bob", 1), late, first=True)
        await until(lambda: bool(late.lists))
        hub.close()

        assert (one.lists, other.lists, late.lists) == ([["i1"]], [], [["i1"]])
        assert one.updates[0].number == 0

    on_loop(test)


def test_a_change_before_the_first_look_is_not_lost() -> None:
    async def test() -> None:
        toy, heard = Toy(), Heard()
        hub = watch(toy)
        hub.subscribe("bob", Recommend("bob", 1), heard)
        toy.change("bob", ["i7"])
        await until(lambda: bool(heard.lists))
        hub.close()

        assert heard.lists == [["i7"]]

    on_loop(test)


def test_a_hundred_receivers_of_one_list_share_one_computation() -> None:
    async def test() -> None:
        toy = Toy()
        hub, heard = watch(toy), [Heard() for _ in range(100)]
        for one in heard:
            hub.subscribe("bob", Recommend("bob", 1), one)
        await until(lambda: toy.recommended == 1)
        toy.change("bob", ["i5"])
        await until(lambda: all(one.lists for one in heard))
        hub.close()

        assert toy.recommended == 2
        assert len({id(one.updates[0]) for one in heard}) == 1

    on_loop(test)


def test_many_changes_come_as_few_messages_and_the_last_is_the_newest_list() -> None:
    async def test() -> None:
        toy, heard = Toy(), Heard()
        hub = watch(toy, rate=10)
        hub.subscribe("bob", Recommend("bob", 1), heard)
        await until(lambda: toy.recommended == 1)
        began = time.monotonic()
        for n in range(1, 201):
            toy.change("bob", [f"i{n}"])
            await asyncio.sleep(0.002)
        await until(lambda: heard.lists[-1:] == [["i200"]])
        took = time.monotonic() - began
        hub.close()

        assert len(heard.lists) <= 10 * took + 2

    on_loop(test)


def test_a_list_that_changes_without_an_event_of_its_user_is_told_after_a_while() -> None:
    async def test() -> None:
        toy, heard = Toy(), Heard()
        hub = watch(toy, renew_s=0.05)
        hub.subscribe("bob", Recommend("bob", 1), heard)
        await until(lambda: toy.recommended == 1)
        toy.lists["bob"] = ["i3"]
        await until(lambda: bool(heard.lists))
        hub.close()

        assert heard.lists == [["i3"]]

    on_loop(test)


def test_a_receiver_that_fails_or_has_cancelled_keeps_no_other_from_hearing() -> None:
    async def test() -> None:
        toy, heard, gone = Toy(), Heard(), Heard()
        hub, told = watch(toy), []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

        def fails(update: Update) -> None:
            raise ConnectionResetError

        hub.subscribe("bob", Recommend("bob", 1), fails)
        hub.cancel(hub.subscribe("bob", Recommend("bob", 1), gone))
        hub.subscribe("bob", Recommend("bob", 1), heard)
        await until(lambda: toy.recommended == 1)
        toy.change("bob", ["i5"])
        await until(lambda: bool(heard.lists))
        hub.close()

        assert gone.lists == []
        assert len(told) == 1

    on_loop(test)


def test_what_nobody_wants_is_watched_no_more_and_too_many_lists_are_refused() -> None:
    async def test() -> None:
        toy = Toy()
        hub = watch(toy, most=2)
        first = hub.subscribe("a", Recommend("a"), Heard())
        hub.subscribe("b", Recommend("b"), Heard())
        with pytest.raises(BadRequest, match="2 lists are watched already"):
            hub.subscribe("c", Recommend("c"), Heard())
        hub.cancel(first)
        hub.cancel(first)
        hub.subscribe("c", Recommend("c"), Heard())

        assert sorted(hub.watched) == ["b", "c"]
        hub.close()

    on_loop(test)


def test_while_the_state_is_being_loaded_it_is_tried_again() -> None:
    class Closed(Toy):
        closed = True

        def recommend(self, request: Recommend):  # type: ignore[no-untyped-def]
            if self.closed:
                self.recommended += 1
                raise Loading("the state is being loaded")
            return super().recommend(request)

    async def test() -> None:
        toy, heard = Closed(), Heard()
        hub = watch(toy, renew_s=0.01, rate=100)
        hub.subscribe("bob", Recommend("bob", 1), heard, first=True)
        await until(lambda: toy.recommended > 1)
        toy.closed = False
        await until(lambda: bool(heard.lists))
        hub.close()

        assert heard.lists == [["i1"]]

    on_loop(test)


def test_a_look_or_a_computation_that_fails_is_told_and_the_next_one_comes() -> None:
    class Broken(Toy):
        broken = True

        def stamps(self, users):  # type: ignore[no-untyped-def]
            if self.broken and len(users) == 2:
                raise ZeroDivisionError("a bug")
            return super().stamps(users)

    async def test() -> None:
        toy, heard = Broken(), Heard()
        hub, told = watch(toy), []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))
        hub.subscribe("crash", Recommend("crash", 1), Heard())
        hub.subscribe("bob", Recommend("bob", 1), heard)
        await until(lambda: len(set(told)) == 2)
        toy.broken = False
        toy.change("bob", ["i6"])
        await until(lambda: bool(heard.lists))
        hub.close()

        assert heard.lists == [["i6"]]

    on_loop(test)
