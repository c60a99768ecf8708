"""Limits before a signature is verified: no client can hold memory or a connection, or delay other clients."""

import asyncio
import os
import time
from pathlib import Path

import pytest
import uvloop

from ingest.http.connection import Limits
from tests.support.environment.waiting import until
from tests.support.ingest.ingest_server import NOW, PATH, RawConnection, RunningIngest, request, running
from tests.support.webhooks.builders import encode, message_finalized, message_sent, signed_headers

BODY = encode(message_finalized())
GOOD = request(BODY, signed_headers(BODY, NOW))


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_two_hundred_half_requests_do_not_delay_the_next_client(ingest: RunningIngest) -> None:
    halves = [asyncio.open_connection("127.0.0.1", ingest.receiver.port) for _ in range(200)]
    writers = [writer for _, writer in await asyncio.gather(*halves)]
    for number, writer in enumerate(writers):
        writer.write(GOOD[: 40 if number % 2 else -40])
    began = time.monotonic()
    assert (await ingest.ask(GOOD)).status == 200
    assert time.monotonic() - began < 1
    for writer in writers:
        writer.close()


@pytest.mark.parametrize("shape", ["one header", "many headers", "one path", "trailers"])
async def test_64_mib_of_headers_are_refused_in_bounded_memory(ingest: RunningIngest, shape: str) -> None:
    start = {
        "one header": b"POST /webhooks/telnyx HTTP/1.1\r\nx: ",
        "many headers": b"POST /webhooks/telnyx HTTP/1.1\r\n",
        "one path": b"POST /",
        "trailers": GOOD.replace(b"content-length: %d" % len(BODY), b"transfer-encoding: chunked")[: -len(BODY)]
        + b"1\r\n{\r\n0\r\n",
    }[shape]
    more = (b"a: b\r\n" if shape in ("many headers", "trailers") else b"aaaaaa") * 10_923
    before = resident_bytes()
    async with ingest.connect() as connection:
        replying = asyncio.create_task(connection.reply())
        sent = 0
        try:
            await connection.send(start)
            while sent < 64 * 1024 * 1024:
                await connection.send(more)
                sent += len(more)
        except ConnectionError:
            pass
        try:
            assert (await replying).status == 431
        except (asyncio.IncompleteReadError, ConnectionError):
            assert sent > 1024 * 1024  # it was answered, and went on sending
    assert resident_bytes() - before < 16 * 1024 * 1024
    assert (await ingest.ask(GOOD)).status == 200


async def test_too_many_or_too_large_headers_are_431_in_json(ingest: RunningIngest) -> None:
    for headers in ({f"x-{n}": "1" for n in range(100)}, {"x": "a" * 16_384}):
        reply = await ingest.ask(request(BODY, signed_headers(BODY, NOW) | headers))
        assert (reply.status, reply.body) == (431, b'{"error":"headers_too_large"}')
        assert reply.headers["connection"] == "close"


async def test_headers_just_below_the_limits_are_read_in_any_pieces(ingest: RunningIngest) -> None:
    headers = signed_headers(BODY, NOW) | {f"x-{n}": "a" * 150 for n in range(90)}
    sent = request(BODY, headers)
    for size in (len(sent), 1_000, 100):
        async with ingest.connect() as connection:
            await connection.send(*(sent[at : at + size] for at in range(0, len(sent), size)))
            assert (await connection.reply()).status == 200


async def test_slow_headers_are_cut_off() -> None:
    async with running(limits={"header_seconds": 0.5}) as ingest, ingest.connect() as connection:
        dribbling = asyncio.create_task(dribble(connection, GOOD, pause_seconds=0.02))
        assert await connection.closed(seconds=2)
        dribbling.cancel()
        await asyncio.gather(dribbling, return_exceptions=True)
        assert ingest.metrics.limited["header_timeout"]._value.get() == 1


async def dribble(connection: RawConnection, content: bytes, *, pause_seconds: float) -> None:
    for byte in content:
        await connection.send(bytes([byte]))
        await asyncio.sleep(pause_seconds)


async def test_a_silent_connection_is_closed() -> None:
    async with running(limits={"header_seconds": 0.3}) as ingest, ingest.connect() as connection:
        assert await connection.closed(seconds=2)


async def test_an_idle_connection_is_kept_for_its_time_and_then_closed() -> None:
    async with running(limits={"header_seconds": 0.2, "idle_seconds": 1.0}) as ingest, ingest.connect() as connection:
        await connection.send(GOOD)
        await connection.reply()
        await asyncio.sleep(0.6)
        await connection.send(GOOD)
        assert (await connection.reply()).status == 200
        assert await connection.closed(seconds=2)


async def test_bodies_in_memory_are_bounded_over_all_connections() -> None:
    async with running(limits={"buffered_bytes": 300_000}) as ingest:
        large = BODY[:-1] + b" " * 200_000 + b"}"
        sent = request(large, signed_headers(large, NOW))
        async with ingest.connect() as first, ingest.connect() as second:
            await first.send(sent[:-10])
            await asyncio.sleep(0.1)
            await second.send(sent[:-10])
            reply = await second.reply()
            assert (reply.status, reply.body) == (503, b'{"error":"unavailable"}')
            await first.send(sent[-10:])
            assert (await first.reply()).status == 200
        assert (await ingest.ask(sent)).status == 200  # the held bytes were freed


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00",
        b"GET\r\n\r\n",
        b"POST / HTTP/9\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"\r\n" * 20_000,
    ],
)
async def test_bytes_that_are_not_http_are_refused_in_json(ingest: RunningIngest, nonsense: bytes) -> None:
    reply = await ingest.ask(nonsense + b"\r\n")
    assert reply.status in (400, 431)
    assert "error" in reply.json


async def test_length_and_chunks_together_are_refused(ingest: RunningIngest) -> None:
    smuggled = GOOD.replace(b"host:", b"transfer-encoding: chunked\r\nhost:")
    assert (await ingest.ask(smuggled)).status == 400


async def test_a_trailer_is_not_a_header(ingest: RunningIngest) -> None:
    signed = signed_headers(BODY, NOW)
    signature = signed.pop("telnyx-signature-ed25519")
    head = request(b"", signed).replace(b"content-length: 0", b"transfer-encoding: chunked")
    trailer = b"telnyx-signature-ed25519: " + signature.encode()
    reply = await ingest.ask(head + b"%x\r\n%b\r\n0\r\n%b\r\n\r\n" % (len(BODY), BODY, trailer))
    assert reply.json == {"error": "signature", "reason": "missing_header"}


async def test_pipelined_requests_are_answered_in_order(ingest: RunningIngest) -> None:
    bodies = [encode(message_sent(f"m-{n}")) for n in range(10)]
    async with ingest.connect() as connection:
        await connection.send(b"".join(request(body, signed_headers(body, NOW)) for body in bodies))
        keys = [(await connection.reply()).json["event_key"] for _ in bodies]
    assert keys == ingest.durable.keys()
    assert len(set(keys)) == 10


async def test_a_thousand_pipelined_requests_are_too_many(ingest: RunningIngest) -> None:
    async with ingest.connect() as connection:
        await connection.send(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n" * 1_000)
        assert await asyncio.wait_for(connection.reader.read(), 4) is not None
    assert (await ingest.ask(GOOD)).status == 200


async def test_a_request_to_upgrade_is_answered_in_http_1_1(ingest: RunningIngest) -> None:
    upgrade = GOOD.replace(
        b"host:", b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AA\r\nhost:"
    )
    reply = await ingest.ask(upgrade)
    assert (reply.status, reply.json["status"]) == (200, "accepted")


async def test_http_1_0_is_answered_and_closed(ingest: RunningIngest) -> None:
    async with ingest.connect() as connection:
        await connection.send(GOOD.replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert (await connection.reply()).status == 200
        assert await connection.closed()


async def test_expect_100_continue_is_answered_before_the_body(ingest: RunningIngest) -> None:
    async with ingest.connect() as connection:
        head = GOOD[: -len(BODY)].replace(b"host:", b"expect: 100-continue\r\nhost:")
        await connection.send(head)
        assert await connection.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await connection.send(BODY)
        assert (await connection.reply()).status == 200


async def test_a_client_that_disconnects_midway_stores_nothing(ingest: RunningIngest) -> None:
    async with ingest.connect() as connection:
        await connection.send(GOOD[:-10])
        await asyncio.sleep(0.05)
    assert await until(lambda: ingest.count("disconnected"), bool, timeout_seconds=2) == 1
    assert ingest.durable.calls == 0
    assert (await ingest.ask(GOOD)).status == 200


async def test_a_client_that_disconnects_before_its_answer_does_not_undo_the_work(ingest: RunningIngest) -> None:
    ingest.durable.gate.clear()
    async with ingest.connect() as first:
        await first.send(GOOD)
        await ingest.durable.begun.wait()
        second = asyncio.create_task(ingest.ask(GOOD))
        await asyncio.sleep(0.05)
    ingest.durable.gate.set()
    assert (await second).json["status"] == "duplicate"
    assert ingest.durable.calls == 1


def test_a_connection_that_closes_before_its_answer_logs_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """On uvloop, which raises for a write to a closed connection."""

    async def ended_by_nonsense() -> None:
        async with running() as ingest, ingest.connect() as connection:
            ingest.durable.gate.clear()
            await connection.send(GOOD + GOOD + b"nonsense\r\n\r\n")
            await ingest.durable.begun.wait()
            assert await connection.closed()
            ingest.durable.gate.set()
            assert (await ingest.ask(GOOD)).json["status"] == "duplicate"

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(ended_by_nonsense())
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_refused_request_gets_no_100_continue(caplog: pytest.LogCaptureFixture) -> None:
    """On uvloop, which raises for a write after the end of the stream."""
    length = b"content-length: %d" % len(BODY)
    head = GOOD[: -len(BODY)].replace(length, b"transfer-encoding: chunked\r\nexpect: 100-continue")

    async def refused_at_once() -> None:
        async with running() as ingest:
            assert (await ingest.ask(head + b"nonsense\r\n")).status == 400
            assert (await ingest.ask(GOOD)).json["status"] == "accepted"

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(refused_at_once())
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


async def test_identical_deliveries_at_once_share_one_outcome(ingest: RunningIngest) -> None:
    ingest.durable.gate.clear()
    asked = [asyncio.create_task(ingest.ask(GOOD)) for _ in range(10)]
    await ingest.durable.begun.wait()
    await asyncio.sleep(0.1)
    ingest.durable.gate.set()
    statuses = sorted([(await reply).json["status"] for reply in asked])
    assert statuses == ["accepted"] + ["duplicate"] * 9
    assert ingest.durable.calls == 1


async def test_identical_deliveries_share_a_failure_too(ingest: RunningIngest) -> None:
    ingest.durable.gate.clear()
    replies = await asyncio.gather(*(ingest.ask(GOOD) for _ in range(5)))
    assert {reply.status for reply in replies} == {503}
    assert ingest.durable.calls == 1


async def test_many_requests_on_one_connection(ingest: RunningIngest) -> None:
    async with ingest.connect() as connection:
        for number in range(50):
            body = encode(message_sent(f"m-{number}"))
            await connection.send(request(body, signed_headers(body, NOW)))
            assert (await connection.reply()).json["status"] == "accepted"


async def test_an_answer_before_the_body_ends_the_connection(ingest: RunningIngest) -> None:
    """The rest of that body is not parsed as the next request."""
    async with ingest.connect() as connection:
        await connection.send(f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(GOOD)}\r\n\r\n".encode())
        assert (await connection.reply()).json["reason"] == "missing_header"
        await connection.send(GOOD)
        assert await connection.closed()
    assert ingest.durable.calls == 0


def test_the_limits_keep_every_answer_within_two_seconds() -> None:
    assert Limits.__dataclass_fields__["answer_seconds"].default == 1.5
