"""Broken HTTP: good requests that are put together wrongly, sent in pieces or in a row, or cut off."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from tests.fuzzing.bodies import bodies, mutate_bytes
from tests.support.webhooks.builders import encode, message_sent, signed_headers

Header = tuple[bytes, bytes]

IN_A_ROW = (*[1] * 12, 2, 2, 3, 40)  # ingest takes 32 before it has answered the first

METHODS = [
    *(b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"PATCH", b"CONNECT", b"PRI", b"post", b"P", b"\xff"),
    *(b"M-SEARCH", b"QUERY", b"PROPFIND", b"", b" POST", b"POST\t", b"X" * 40),
]
PATHS = [
    *(b"/webhooks/telnyx/", b"/webhooks/telnyx/default", b"/webhooks/telnyx/nobody/", b"/webhooks/telnyx//", b"/"),
    *(b"/health/live", b"/health/ready", b"/metrics", b"/metrics/", b"*", b"", b"//", b"/%", b"/%ff%00", b"/\xc3\xa4"),
    *(b"http://x/webhooks/telnyx", b"x:443", b"/webhooks/telnyx?a=b#c", b"/webhooks/telnyx;a", b"/../webhooks/telnyx"),
    *(b"/webhooks/%74elnyx", b"/webhooks/telnyx/%2e%2e", b"/webhooks/telnyx/\x00", b"/webhooks/telnyx/" + b"a" * 9000),
    *(b"/webhooks/telnyx/%00", b"/webhooks/telnyx/%c3%28", b"http://[::1/webhooks/telnyx", b"/webhooks/telnyx/a b"),
]
VERSIONS = [b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/9.9", b"HTTP/1.1 ", b"http/1.1", b"", b"HTTP/1", b"ICY"]
LENGTHS = [
    *(b"0", b"1", b"-1", b"+5", b"5 5", b"0x10", b"", b"007", b"1e3", b"262144", b"262145", b"18446744073709551615"),
    *(b"18446744073709551616", b"9" * 5000, b"\xb2", b"5,5", b"\xd9\xa5", b"5;"),
]
CODINGS = [
    *(
        b"chunked", b"Chunked", b"gzip, chunked", b"chunked, gzip", b"identity", b"chunked, chunked", b"\x0bchunked",
        b"",
    ),
]  # fmt: skip
SIZES = [
    *(b"0", b"-1", b"ffffffffffffffff", b"ffffffffffffffffff", b"0x5", b"5;a=b", b"5 ", b" 5", b"g", b"", b"00000005")
]
ODD_HEADERS = [
    *((b"expect", value) for value in (b"100-continue", b"100-CONTINUE", b"200-ok", b"")),
    *((b"connection", value) for value in (b"close", b"keep-alive", b"upgrade", b"close, upgrade", b"\xff")),
    *((b"upgrade", value) for value in (b"h2c", b"websocket", b"")),
    *((b"content-encoding", value) for value in (b"gzip", b"identity", b"IDENTITY", b"identity, identity", b"")),
    *((b"telnyx-timestamp", value) for value in (b"", b"-1", b"1" * 11, b"1" * 12, b"\xb2", b"1 ", b"0", b"\xd9\xa1")),
    *((b"telnyx-signature-ed25519", value) for value in (b"", b"=", b"A" * 88, b"\xff" * 88, b"A" * 86 + b"==")),
    *((b"host", value) for value in (b"", b"a b", b"[", b"x" * 300)),
    *((b"x" * n, b"y") for n in (1, 100, 9000)),
    *((b"x", b"y" * n) for n in (0, 9000, 20_000)),
    *((b"x", value) for value in (b"a\0b", b"a\r\n b", b"a\nb", b"a\rb")),
    *((b"", b"y"), (b"x y", b"z"), (b"x\0", b"z")),
    *((b"\xff", b"z"), (b"transfer-encoding", b"chunked"), (b"trailer", b"telnyx-timestamp"), (b"te", b"trailers")),
]


@dataclass(slots=True)
class Parts:
    """A request before its mutations."""

    method: bytes
    path: bytes
    version: bytes
    headers: list[Header]
    body: bytes
    end: bytes = b"\r\n"

    def rendered(self) -> bytes:
        head = [b"%b %b %b" % (self.method, self.path, self.version), *(b"%b: %b" % pair for pair in self.headers)]
        return self.end.join([*head, b"", self.body])


@dataclass(frozen=True, slots=True)
class Conversation:
    """The bytes that are sent on one connection, in these pieces."""

    pieces: list[bytes]


class Conversations:
    """An endless stream of conversations. Signatures are for `signed_at`, in Unix seconds."""

    def __init__(self, chance: Random, signed_at: int) -> None:
        self._chance = chance
        self._signed_at = signed_at
        self._bodies = bodies(chance)

    def __iter__(self) -> Iterator[Conversation]:
        while True:
            yield self._conversation()

    def _conversation(self) -> Conversation:
        chance = self._chance
        content = b"".join(self._request() for _ in range(chance.choice(IN_A_ROW)))
        if chance.random() < 0.2:
            content = mutate_bytes(chance, content)
        if chance.random() < 0.15:
            content = content[: chance.randrange(len(content) + 1)]
        if chance.random() < 0.02:
            content = chance.randbytes(chance.randrange(300))
        return Conversation(_pieces(chance, content))

    def _request(self) -> bytes:
        chance = self._chance
        body = self._body()
        headers = [(name.encode(), value.encode()) for name, value in signed_headers(body, self._signed_at).items()]
        framing = (b"content-length", b"%d" % len(body))
        parts = Parts(b"POST", b"/webhooks/telnyx", b"HTTP/1.1", [(b"host", b"a"), *headers, framing], body)
        for _ in range(chance.choice((0, 1, 1, 1, 2, 4))):
            chance.choice(REQUEST_MUTATIONS)(chance, parts)
        return parts.rendered()

    def _body(self) -> bytes:
        kind = self._chance.random()
        if kind < 0.3:
            return encode(message_sent(f"fuzz-{self._chance.randrange(50)}"))
        return next(self._bodies) if kind < 0.9 else b""


def _pieces(chance: Random, content: bytes) -> list[bytes]:
    cuts = sorted(chance.randrange(len(content) + 1) for _ in range(chance.choice((0, 0, 0, 1, 2, 9))))
    return [content[start:end] for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True)]


def _method(chance: Random, parts: Parts) -> None:
    parts.method = chance.choice(METHODS)


def _path(chance: Random, parts: Parts) -> None:
    parts.path = chance.choice(PATHS)


def _version(chance: Random, parts: Parts) -> None:
    parts.version = chance.choice(VERSIONS)


def _length(chance: Random, parts: Parts) -> None:
    name = chance.choice((b"content-length", b"Content-Length", b"content-length ", b"content_length"))
    parts.headers.append((name, chance.choice(LENGTHS)))
    if chance.random() < 0.7:
        parts.headers.remove(next((pair for pair in parts.headers if pair[0] == b"content-length"), parts.headers[0]))


def _chunked(chance: Random, parts: Parts) -> None:
    """Sends the body in chunks, some with a wrong size."""
    parts.headers = [pair for pair in parts.headers if pair[0] != b"content-length" or chance.random() < 0.1]
    parts.headers.append((b"transfer-encoding", chance.choice(CODINGS) if chance.random() < 0.3 else b"chunked"))
    pieces = _pieces(chance, parts.body)
    sizes = [chance.choice(SIZES) if chance.random() < 0.1 else b"%x" % len(piece) for piece in pieces if piece]
    chunks = [size + b"\r\n" + piece + b"\r\n" for size, piece in zip(sizes, filter(None, pieces), strict=True)]
    parts.body = b"".join([*chunks, b"0\r\n", chance.choice((b"", b"telnyx-timestamp: 1\r\n", b"x" * 20_000)), b"\r\n"])


def _odd_headers(chance: Random, parts: Parts) -> None:
    for _ in range(chance.choice((1, 2, 5, 120))):
        parts.headers.insert(chance.randrange(len(parts.headers) + 1), chance.choice(ODD_HEADERS))


def _again(chance: Random, parts: Parts) -> None:
    parts.headers.append(chance.choice(parts.headers))


def _without(chance: Random, parts: Parts) -> None:
    parts.headers.pop(chance.randrange(len(parts.headers)))


def _shouted(chance: Random, parts: Parts) -> None:
    parts.headers = [(name.upper(), chance.choice((b"", b" ", b"\t")) + value + b" ") for name, value in parts.headers]


def _ended(chance: Random, parts: Parts) -> None:
    parts.end = chance.choice((b"\n", b"\r", b"\n\r", b"\r\n ", b"\r\r\n", b"\0"))


def _large(chance: Random, parts: Parts) -> None:
    """A body above the limit, or longer than announced."""
    parts.body += b" " * chance.choice((1, 70_000, 300_000))


REQUEST_MUTATIONS: list[Callable[[Random, Parts], None]] = [
    *(_method, _path, _version, _length, _length, _chunked, _chunked, _odd_headers, _odd_headers),
    *(_again, _without, _shouted, _ended, _large),
]
