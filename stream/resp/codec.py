"""RESP, the protocol of Redis, on the wire: requests are read, replies are written.

A request is an array of bulk strings, or a line of words (inline, for `nc` and `telnet`):

    *3\\r\\n $9\\r\\nRECOMMEND\\r\\n $2\\r\\nu1\\r\\n $2\\r\\n10\\r\\n          (without the blanks)
    RECOMMEND u1 10\\r\\n

A reply of each kind, in RESP2 and, after `HELLO 3`, in RESP3:

    Status        +OK             the same          str, bytes    $2\\r\\nok            the same
    Error         -ERR why        the same          list          *1 …                the same
    int           :7              the same          dict          *2 key value …      %1 key value …
    float         $3\\r\\n0.5       ,0.5              None          $-1                 _
    bool          :1              #t                Text          $2\\r\\nok            =6\\r\\ntxt:ok
    Push          *1 …            >1 …
"""

import re
from typing import Final, NamedTuple, cast

from stream.error import BadFrame

MAX_ARGS: Final = 1024
MAX_BULK: Final = 64 * 1024
MAX_FRAME: Final = 1024 * 1024
_HEADER: Final = 32  # bytes of a line that holds a count
_ASTERISK: Final = ord("*")
_DOLLAR: Final = ord("$")
_BREAK: Final = re.compile(r"[\r\n]+")
_ESCAPES: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}
_WORD: Final = re.compile(
    rb'\s*(?:"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'|([^\s"\']+))(?=\s|$)', re.DOTALL
)
_ESCAPE: Final = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)


class Status(str):
    """A status reply, such as OK."""

    __slots__ = ()


class Text(str):
    """A text of several lines for people to read."""

    __slots__ = ()


class Error(NamedTuple):
    """An error reply; client libraries distinguish errors by `code`."""

    message: str
    code: str = "ERR"


class Head(NamedTuple):
    """The head of an array whose `size` members are the replies that follow."""

    size: int


class Several(NamedTuple):
    """Several replies to one request, one after the other."""

    replies: list["Reply"]


class Push(list["Reply"]):
    """A message that is no reply to a request, or the answer to one that has it come."""

    __slots__ = ()


Scalar = str | bytes | bool | int | float | None
Reply = Status | Several | Text | Error | Head | Scalar | list["Reply"] | dict[str, "Reply"]
OK: Final = Status("OK")


class Parser:
    """Incremental parser of requests, from pieces of any size; no byte is read twice.

    Args:
        max_args: Words of a request at most; it and the other limits may be changed between two requests.
        max_bulk: Bytes of a word, or of an inline request, at most.
        max_frame: Bytes of all words of a request at most.
    """

    def __init__(
        self, *, max_args: int = MAX_ARGS, max_bulk: int = MAX_BULK, max_frame: int = MAX_FRAME
    ) -> None:
        self.max_args, self.max_bulk, self.max_frame = max_args, max_bulk, max_frame
        self._data: bytes | bytearray = b""
        self._at = 0  # the next byte to read
        self._seen = 0  # up to here there is no end of the inline request under way
        self._words: list[bytes] = []
        self._missing = 0  # words of the request under way
        self._size = -1  # bytes of the word under way; -1 before its header
        self._total = 0  # bytes of the request under way
        self.inline = False  # whether the request read last was a line of words

    @property
    def held(self) -> int:
        """Bytes received and not parsed yet."""
        return len(self._data) - self._at

    def feed(self, data: bytes) -> None:
        """Add received bytes."""
        if self._at >= len(self._data):
            self._data, self._seen = data, 0
        else:
            if isinstance(self._data, bytes):
                self._data = bytearray(self._data[self._at :])
            else:
                del self._data[: self._at]
            self._data += data
            self._seen -= self._at
        self._at = 0
        self._seen = max(0, self._seen)

    def next(self) -> list[bytes] | None:
        """Parse the next whole request into its words, at least one; None when more bytes are needed.

        Raises:
            BadFrame: What came is no request, and there is no telling where the next one begins.
        """
        while True:
            if self._missing:
                self.inline = False
                return self._bulks()
            if self._at >= len(self._data):
                return None
            if self._data[self._at] != _ASTERISK:
                line = self._inline()
                if line is None:
                    return None
                words = split(line)
                if len(words) > self.max_args:
                    raise BadFrame(f"a request of {len(words)} words; at most {self.max_args} are taken")
                if words:
                    self.inline = True
                    return words
                continue
            count = self._count("number of words")
            if count is None:
                return None
            if count > self.max_args:
                raise BadFrame(f"a request of {count} words; at most {self.max_args} are taken")
            self._missing, self._total = max(0, count), 0

    def _bulks(self) -> list[bytes] | None:
        data, words = self._data, self._words
        while self._missing:
            if self._size < 0:
                if self._at >= len(data):
                    return None
                if data[self._at] != _DOLLAR:
                    raise BadFrame(f"expected '$', got {chr(data[self._at])!r}")
                size = self._count("length of a word")
                if size is None:
                    return None
                self._total += size
                if not 0 <= size <= self.max_bulk:
                    raise BadFrame(f"a word of {size} bytes; 0 to {self.max_bulk} are taken")
                if self._total > self.max_frame:
                    raise BadFrame(f"a request of over {self.max_frame} bytes")
                self._size = size
            at = self._at
            end = at + self._size
            if len(data) < end + 2:
                return None
            if data[end : end + 2] != b"\r\n":
                raise BadFrame(f"a word of {self._size} bytes does not end where it should")
            words.append(bytes(data[at:end]))
            self._at = end + 2
            self._size = -1
            self._missing -= 1
        self._words = []
        return words

    def _count(self, what: str) -> int | None:
        """Parse the number in the header line at the current offset."""
        data, start = self._data, self._at + 1
        end = data.find(b"\r\n", start, start + _HEADER)
        if end < 0:
            if len(data) - start >= _HEADER:
                raise BadFrame(f"a {what} without an end of line")
            return None
        digits = data[start:end]
        self._at = end + 2
        if digits.isdigit() or (digits[:1] == b"-" and digits[1:].isdigit()):
            return int(digits)
        raise BadFrame(f"{bytes(digits)!r} is no {what}")

    def _inline(self) -> bytes | None:
        data = self._data
        end = data.find(b"\n", max(self._at, self._seen), self._at + self.max_bulk + 1)
        if end < 0:
            if len(data) - self._at > self.max_bulk:
                raise BadFrame(f"an inline request of over {self.max_bulk} bytes")
            self._seen = len(data)
            return None
        line = bytes(data[self._at : end])
        self._at = self._seen = end + 1
        return line


def split(line: bytes) -> list[bytes]:
    """Split an inline request into words: "in double quotes" with escapes such as \\n and \\x41, or 'in single ones'."""
    if b'"' not in line and b"'" not in line:
        return line.split()
    words, at = [], 0
    line = line.rstrip()
    while at < len(line):
        found = _WORD.match(line, at)
        if found is None:
            raise BadFrame("quotes that do not close, or have no blank after them")
        double, single, plain = found.groups()
        if double is not None:
            words.append(_ESCAPE.sub(_unescaped, double))
        elif single is not None:
            words.append(single.replace(b"\\'", b"'"))
        else:
            words.append(plain)
        at = found.end()
    return words


def _unescaped(found: "re.Match[bytes]") -> bytes:
    mark = found[1]
    return bytes([int(mark[1:], 16)]) if len(mark) == 3 else _ESCAPES.get(mark, mark)


def encode(reply: Reply, protocol: int = 2) -> bytes:
    """Encode a reply in RESP2 or RESP3."""
    if type(reply) is list:
        return _array(reply, protocol)
    if isinstance(reply, Status):
        return b"+%b\r\n" % _one_line(reply)
    if isinstance(reply, Text) and protocol == 3:
        data = reply.encode()
        return b"=%d\r\ntxt:%b\r\n" % (len(data) + 4, data)
    if isinstance(reply, str):
        return _bulk(reply.encode())
    if isinstance(reply, bytes):
        return _bulk(reply)
    if isinstance(reply, Error):
        return b"-%b\r\n" % _one_line(f"{reply.code} {reply.message}")
    if isinstance(reply, Head):
        return b"*%d\r\n" % reply.size
    if isinstance(reply, dict):
        return _map(reply, protocol)
    if isinstance(reply, (Push, Several)):
        return _told(reply, protocol)
    return _scalar(reply, protocol)


def _told(reply: Push | Several, protocol: int) -> bytes:
    if isinstance(reply, Several):
        return b"".join([encode(one, protocol) for one in reply.replies])
    head = b">%d\r\n" if protocol == 3 else b"*%d\r\n"
    return head % len(reply) + b"".join([encode(one, protocol) for one in reply])


def _array(items: list[Reply], protocol: int) -> bytes:
    if set(map(type, items)) == {str}:  # the answers that are asked for most, all at once
        texts = cast(list[str], items)
        text = "".join([f"${len(item)}\r\n{item}\r\n" for item in texts])
        if text.isascii():
            return b"*%d\r\n%b" % (len(items), text.encode())
    return b"*%d\r\n%b" % (len(items), b"".join([encode(item, protocol) for item in items]))


def _map(items: dict[str, Reply], protocol: int) -> bytes:
    flat = b"".join([encode(part, protocol) for pair in items.items() for part in pair])
    return (b"%%%d\r\n%b" if protocol == 3 else b"*%d\r\n%b") % (len(items) * (4 - protocol), flat)


def _scalar(reply: Reply, protocol: int) -> bytes:
    if reply is None:
        return b"_\r\n" if protocol == 3 else b"$-1\r\n"
    if isinstance(reply, bool) and protocol == 3:
        return b"#t\r\n" if reply else b"#f\r\n"
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    data = repr(float(reply)).encode()  # type: ignore[arg-type]
    return b",%b\r\n" % data if protocol == 3 else _bulk(data)


def _bulk(data: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(data), data)


def _one_line(text: str) -> bytes:
    return _BREAK.sub(" ", text).encode(errors="replace")
