"""A crowd of subscribers, in a process of its own: it tells events and hears of the lists they change.

    python -m deploy.bench.crowd.crowd <a line of JSON on stdin: a `Crowd`>   →   a line of JSON: `Heard`

Each event is of a subscriber, on the first item of the subscriber's list, so that it changes the list, and the next one of
the same subscriber comes once the message is there.  When an event is in the tables shows in the status that ingest
writes for the readers, looked at every millisecond.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from bisect import bisect_right
from pathlib import Path
from typing import Any

import msgspec

from deploy.bench.crowd.line import EventLine, Line
from state.storage.table import Table
from stream.broker import Sink, open_sink
from stream.event.event import Event, encode
from stream.generation.status import STATUS

LOOK_S = 0.001
EACH = 5  # events sent at a time
LOST_S = 5.0  # a message that has not come by then is lost


class Crowd(msgspec.Struct):
    """What the crowd does.

    Fields:
        port: Of the socket, or of HTTP.
        address, topic: Where events go.
        status: The table in which ingest tells what is applied.
        users: Who subscribes; without subscribing their events are on items that are drawn.
        lists: What each of them is recommended now.
        t: Event time in ms of the first event.
    """

    port: int
    address: str
    topic: str
    status: str
    users: list[str]
    lists: list[list[str]]
    t: int
    rate: int
    seconds: float
    subscribe: bool = True
    over_http: bool = False


class Heard(msgspec.Struct):
    """Milliseconds from an event in the tables to its message, and from sending it; of messages that came."""

    applied_ms: list[float]
    sent_ms: list[float]
    events: int
    lost: int
    messages: int


class Member:
    """A subscriber: the list as heard last, the event it waits for, and the newest message."""

    __slots__ = ("heard_s", "list", "next", "place", "sent_s", "user")

    def __init__(self, user: str, found: list[str]) -> None:
        self.user, self.list = user, found
        self.sent_s = 0.0  # of the event that is waited for, 0 for none
        self.place = -1  # its offset, -1 before it is known
        self.heard_s, self.next = 0.0, 0  # of the newest message, and the first offset it does not include


class Meeting:
    """The crowd at work."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.members = [Member(user, found) for user, found in zip(crowd.users, crowd.lists, strict=True)]
        self.heard = Heard([], [], 0, 0, 0)
        self.times: list[float] = []
        self.offsets: list[int] = []
        self._stop = threading.Event()

    def watch(self) -> None:
        """Note when what was applied."""
        table = Table("status", STATUS, capacity=1, path=Path(self.crowd.status), write=False)
        applied = table.array["applied"]
        last = -1
        while not self._stop.wait(LOOK_S):
            now = int(applied[0, 0])
            if now != last:
                self.times.append(time.monotonic())
                self.offsets.append(now)
                last = now

    def message(self, member: Member, payload: bytes) -> None:
        """Take in a message."""
        told: dict[str, Any] = msgspec.json.decode(payload)
        self.heard.messages += 1
        member.heard_s = time.monotonic()
        member.list = [row["item"] for row in told["items"]]
        member.next = int(told["offsets"].get("0", 0))
        self._settle(member)

    def _settle(self, member: Member) -> None:
        """Count the event that is waited for, once its place is known and a message includes it."""
        if not member.sent_s or member.place < 0 or member.next <= member.place:
            return
        known = bisect_right(self.offsets, member.place)
        if known < len(self.offsets):
            applied = self.times[known]
            self.heard.applied_ms.append(round(1000 * (member.heard_s - applied), 2))
        self.heard.sent_ms.append(round(1000 * (member.heard_s - member.sent_s), 2))
        member.sent_s, member.place = 0.0, -1

    async def tell(self, sink: Sink, member: Member, item: str, t: int) -> None:
        """Publish an event of a member."""
        payload = encode(Event(user=member.user, item=item, t=t))
        _, place = await sink.publish(member.user.encode(), payload)
        if self.crowd.subscribe:
            member.place = place
            self._settle(member)
        else:
            member.sent_s = 0.0

    async def run(self) -> Heard:
        """Subscribe, tell events at an even pace, and hear."""
        crowd, loop = self.crowd, asyncio.get_running_loop()
        lines, kind = [], EventLine if crowd.over_http else Line
        if crowd.subscribe:
            for member in self.members:
                lines.append(await kind.open(crowd.port, member, self.message))
        sink = open_sink(crowd.address, crowd.topic, partition=0)
        watcher = threading.Thread(target=self.watch, daemon=True)
        watcher.start()
        begin, tasks, turn = loop.time() + 1.0, set[asyncio.Task[None]](), 0
        for k in range(int(crowd.rate * crowd.seconds)):
            if k % EACH == 0 and (ahead := begin + k / crowd.rate - loop.time()) > 0:
                await asyncio.sleep(ahead)
            member = self.members[turn % len(self.members)]
            turn += 1
            now = time.monotonic()
            if member.sent_s and now - member.sent_s < LOST_S:
                continue
            self.heard.lost += bool(member.sent_s)
            member.sent_s, member.place = now, -1
            item = member.list[0] if crowd.subscribe else member.list[k % len(member.list)]
            task = loop.create_task(self.tell(sink, member, item, crowd.t + k))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            self.heard.events += 1
        await asyncio.sleep(1.0)
        self.heard.lost += sum(bool(one.sent_s) for one in self.members) if crowd.subscribe else 0
        self._stop.set()
        for line in lines:
            line.close()
        sink.close()
        return self.heard


def main() -> None:
    """Run one crowd."""
    crowd = msgspec.json.decode(sys.stdin.buffer.readline(), type=Crowd)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(Meeting(crowd).run())) + b"\n")


if __name__ == "__main__":
    main()
