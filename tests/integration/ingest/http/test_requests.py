"""The HTTP contract for a wrong path, method, length or body, over a socket."""

import asyncio

import pytest

from tests.support.ingest.ingest_server import BODY, NOW, PATH, RunningIngest, request
from tests.support.webhooks.builders import signed_headers

# --- 404, 405, 413, 415 ---


@pytest.mark.parametrize("path", ["/", "/webhooks", "/webhooks/telnyx/a/b", "/webhooks/telnyx//", "/health", "/x%2F"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_a_wrong_path_is_404_and_never_redirected(ingest: RunningIngest, path: str, method: str) -> None:
    reply = await ingest.ask(request(b"", {}, path=path, method=method))
    assert (reply.status, reply.body) == (404, b'{"error":"not_found"}')


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS", "DELETE", "PATCH"])
async def test_a_wrong_method_is_405_and_names_the_right_one(ingest: RunningIngest, method: str) -> None:
    reply = await ingest.ask(request(b"", {}, method=method))
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert reply.body == b'{"error":"method_not_allowed"}'


@pytest.mark.parametrize("path", [PATH + "/", PATH + "?a=b", PATH + "/?"])
async def test_a_slash_or_a_query_changes_nothing(ingest: RunningIngest, path: str) -> None:
    assert (await ingest.post(BODY, path=path)).json["status"] == "accepted"


async def test_a_declared_length_over_the_limit_is_413_without_a_byte_of_the_body(ingest: RunningIngest) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 262145\r\n\r\n".encode()
    async with ingest.connect() as connection:
        await connection.send(head)
        reply = await connection.reply()
        assert (reply.status, reply.body) == (413, b'{"error":"body_too_large"}')
        assert reply.headers["connection"] == "close"
        assert await connection.closed()


async def test_a_client_that_sends_a_whole_large_body_reads_the_413(ingest: RunningIngest) -> None:
    body = b"x" * 4_000_000
    reply = await ingest.ask(request(body, signed_headers(body, NOW)))
    assert reply.status == 413


async def test_a_body_of_exactly_the_limit_is_read(ingest: RunningIngest) -> None:
    body = BODY[:-1] + b" " * (262_144 - len(BODY)) + b"}"
    assert len(body) == 262_144
    assert (await ingest.post(body)).json["status"] == "accepted"
    assert (await ingest.post(body[:-1] + b" }")).status == 413


async def test_a_chunked_body_is_read_and_bounded(ingest: RunningIngest) -> None:
    def chunked(body: bytes) -> bytes:
        size = 7_000
        parts = [body[at : at + size] for at in range(0, len(body), size)]
        return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"

    def head(body: bytes) -> bytes:
        given = request(b"", signed_headers(body, NOW))
        return given.replace(b"content-length: 0", b"transfer-encoding: chunked")

    assert (await ingest.ask(head(BODY) + chunked(BODY))).json["status"] == "accepted"
    large = b"x" * 262_145
    assert (await ingest.ask(head(large) + chunked(large))).status == 413


@pytest.mark.parametrize(("value", "status"), [("gzip", 415), ("br, gzip", 415), ("identity", 200), ("IDENTITY", 200)])
async def test_a_content_encoding_is_refused(ingest: RunningIngest, value: str, status: int) -> None:
    reply = await ingest.ask(request(BODY, signed_headers(BODY, NOW) | {"content-encoding": value}))
    assert reply.status == status
    if status == 415:
        assert reply.body == b'{"error":"content_encoding"}'


async def test_the_checks_decide_in_their_order(ingest: RunningIngest) -> None:
    """Path, method, length, encoding, missing, malformed: each request has one fault less than the one before."""
    long = {"content-length": "999999"}
    coded = {"content-encoding": "gzip"}
    half = {"telnyx-timestamp": "noon"}
    bad = half | {"telnyx-signature-ed25519": "?"}

    async def status(method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        given = {"content-length": "3", "host": "x"} | headers
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        reply = await ingest.ask(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode())
        return reply.status, str(reply.json.get("reason", reply.json["error"]))

    assert await status("PUT", "/x", long | coded) == (404, "not_found")
    assert await status("PUT", PATH, long | coded) == (405, "method_not_allowed")
    assert await status("POST", PATH, long | coded) == (413, "body_too_large")
    assert await status("POST", PATH, coded) == (415, "content_encoding")
    assert await status("POST", PATH, half) == (403, "missing_header")
    assert await status("POST", PATH, bad) == (403, "malformed_header")


# --- 408 ---


async def test_a_missing_body_is_408_within_two_seconds(ingest: RunningIngest) -> None:
    loop = asyncio.get_running_loop()
    async with ingest.connect() as connection:
        await connection.send(request(BODY, signed_headers(BODY, NOW))[:-10])
        began = loop.time()
        reply = await connection.reply()
        assert 1.4 < loop.time() - began < 2.0
        assert (reply.status, reply.body) == (408, b'{"error":"body_timeout"}')
        assert reply.headers["connection"] == "close"
        assert await connection.closed()


async def test_a_slow_body_is_408(ingest: RunningIngest) -> None:
    async with ingest.connect() as connection:
        await connection.send(request(BODY, signed_headers(BODY, NOW))[: -len(BODY)])

        async def dribble() -> None:
            for byte in BODY:
                await connection.send(bytes([byte]))
                await asyncio.sleep(0.05)

        dribbling = asyncio.create_task(dribble())
        assert (await connection.reply()).status == 408
        dribbling.cancel()
        await asyncio.gather(dribbling, return_exceptions=True)
