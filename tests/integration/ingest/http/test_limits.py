"""What nobody can do to ingest before a signature was checked: hold memory, hold a connection, or hold others up."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop

from ingest.http.connection import Limits
from tests.support.environment.waiting import eventually
from tests.support.ingest.ingest_server import NOW, PATH, RawConnection, Site, request, running
from tests.support.webhooks.builders import encode, message_finalized, message_sent, signed_headers

BODY = encode(message_finalized())
GOOD = request(BODY, signed_headers(BODY, NOW))


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running() as found:
        yield found


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_two_hundred_half_requests_do_not_delay_the_next_client(site: Site) -> None:
    halves = [asyncio.open_connection("127.0.0.1", site.receiver.port) for _ in range(200)]
    writers = [writer for _, writer in await asyncio.gather(*halves)]
    for number, writer in enumerate(writers):
        writer.write(GOOD[: 40 if number % 2 else -40])
    began = time.monotonic()
    assert (await site.ask(GOOD)).status == 200
    assert time.monotonic() - began < 1
    for writer in writers:
        writer.close()


@pytest.mark.parametrize("shape", ["one header", "many headers", "one path", "trailers"])
async def test_64_mib_of_headers_are_refused_in_bounded_memory(site: Site, shape: str) -> None:
    start = {
        "one header": b"POST /webhooks/telnyx HTTP/1.1\r\nx: ",
        "many headers": b"POST /webhooks/telnyx HTTP/1.1\r\n",
        "one path": b"POST /",
        "trailers": GOOD.replace(b"content-length: %d" % len(BODY), b"transfer-encoding: chunked")[: -len(BODY)]
        + b"1\r\n{\r\n0\r\n",
    }[shape]
    more = (b"a: b\r\n" if shape in ("many headers", "trailers") else b"aaaaaa") * 10_923
    before = resident_bytes()
    async with site.connect() as connection:
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
            assert sent > 1024 * 1024  # it was told, and did not listen
    assert resident_bytes() - before < 16 * 1024 * 1024
    assert (await site.ask(GOOD)).status == 200


async def test_too_many_or_too_large_headers_are_431_in_json(site: Site) -> None:
    for headers in ({f"x-{n}": "1" for n in range(100)}, {"x": "a" * 16_384}):
        reply = await site.ask(request(BODY, signed_headers(BODY, NOW) | headers))
        assert (reply.status, reply.body) == (431, b'{"error":"headers_too_large"}')
        assert reply.headers["connection"] == "close"


async def test_headers_just_below_the_limits_are_read_in_any_pieces(site: Site) -> None:
    headers = signed_headers(BODY, NOW) | {f"x-{n}": "a" * 150 for n in range(90)}
    sent = request(BODY, headers)
    for size in (len(sent), 1_000, 100):
        async with site.connect() as connection:
            await connection.send(*(sent[at : at + size] for at in range(0, len(sent), size)))
            assert (await connection.reply()).status == 200


async def test_headers_that_dribble_are_cut_off() -> None:
    async with running(limits={"header_seconds": 0.5}) as site, site.connect() as connection:
        dribbling = asyncio.create_task(dribble(connection, GOOD, pause_seconds=0.02))
        assert await connection.closed(seconds=2)
        dribbling.cancel()
        await asyncio.gather(dribbling, return_exceptions=True)
        assert site.metrics.limited["header_timeout"]._value.get() == 1


async def dribble(connection: RawConnection, content: bytes, *, pause_seconds: float) -> None:
    for byte in content:
        await connection.send(bytes([byte]))
        await asyncio.sleep(pause_seconds)


async def test_a_silent_connection_is_closed() -> None:
    async with running(limits={"header_seconds": 0.3}) as site, site.connect() as connection:
        assert await connection.closed(seconds=2)


async def test_an_idle_connection_is_kept_for_its_time_and_then_closed() -> None:
    async with running(limits={"header_seconds": 0.2, "idle_seconds": 1.0}) as site, site.connect() as connection:
        await connection.send(GOOD)
        await connection.reply()
        await asyncio.sleep(0.6)
        await connection.send(GOOD)
        assert (await connection.reply()).status == 200
        assert await connection.closed(seconds=2)


async def test_bodies_in_memory_are_bounded_over_all_connections() -> None:
    async with running(limits={"buffered_bytes": 300_000}) as site:
        large = BODY[:-1] + b" " * 200_000 + b"}"
        sent = request(large, signed_headers(large, NOW))
        async with site.connect() as first, site.connect() as second:
            await first.send(sent[:-10])
            await asyncio.sleep(0.1)
            await second.send(sent[:-10])
            reply = await second.reply()
            assert (reply.status, reply.body) == (503, b'{"error":"unavailable"}')
            await first.send(sent[-10:])
            assert (await first.reply()).status == 200
        assert (await site.ask(sent)).status == 200  # what was held was given back


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
async def test_what_is_not_http_is_refused_in_json(site: Site, nonsense: bytes) -> None:
    reply = await site.ask(nonsense + b"\r\n")
    assert reply.status in (400, 431)
    assert "error" in reply.json


async def test_length_and_chunks_together_are_refused(site: Site) -> None:
    smuggled = GOOD.replace(b"host:", b"transfer-encoding: chunked\r\nhost:")
    assert (await site.ask(smuggled)).status == 400


async def test_a_trailer_is_not_a_header(site: Site) -> None:
    signed = signed_headers(BODY, NOW)
    signature = signed.pop("telnyx-signature-ed25519")
    head = request(b"", signed).replace(b"content-length: 0", b"transfer-encoding: chunked")
    trailer = b"telnyx-signature-ed25519: " + signature.encode()
    reply = await site.ask(head + b"%x\r\n%b\r\n0\r\n%b\r\n\r\n" % (len(BODY), BODY, trailer))
    assert reply.json == {"error": "signature", "reason": "missing_header"}


async def test_requests_that_are_sent_ahead_are_answered_in_order(site: Site) -> None:
    bodies = [encode(message_sent(f"m-{n}")) for n in range(10)]
    async with site.connect() as connection:
        await connection.send(b"".join(request(body, signed_headers(body, NOW)) for body in bodies))
        keys = [(await connection.reply()).json["event_key"] for _ in bodies]
    assert keys == site.durable.keys()
    assert len(set(keys)) == 10


async def test_a_thousand_requests_sent_ahead_are_too_many(site: Site) -> None:
    async with site.connect() as connection:
        await connection.send(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n" * 1_000)
        assert await asyncio.wait_for(connection.reader.read(), 4) is not None
    assert (await site.ask(GOOD)).status == 200


async def test_a_client_that_asks_for_another_protocol_is_answered_in_this_one(site: Site) -> None:
    upgrade = GOOD.replace(
        b"host:", b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AA\r\nhost:"
    )
    reply = await site.ask(upgrade)
    assert (reply.status, reply.json["status"]) == (200, "accepted")


async def test_http_1_0_is_answered_and_closed(site: Site) -> None:
    async with site.connect() as connection:
        await connection.send(GOOD.replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert (await connection.reply()).status == 200
        assert await connection.closed()


async def test_expect_100_continue_is_answered_before_the_body(site: Site) -> None:
    async with site.connect() as connection:
        head = GOOD[: -len(BODY)].replace(b"host:", b"expect: 100-continue\r\nhost:")
        await connection.send(head)
        assert await connection.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await connection.send(BODY)
        assert (await connection.reply()).status == 200


async def test_a_client_that_leaves_midway_costs_nothing(site: Site) -> None:
    async with site.connect() as connection:
        await connection.send(GOOD[:-10])
        await asyncio.sleep(0.05)

    async def left() -> float:
        return site.count("disconnected")

    assert await eventually(left, bool, timeout_seconds=2) == 1
    assert site.durable.calls == 0
    assert (await site.ask(GOOD)).status == 200


async def test_a_client_that_leaves_before_its_answer_does_not_undo_the_work(site: Site) -> None:
    site.durable.gate.clear()
    async with site.connect() as first:
        await first.send(GOOD)
        await site.durable.begun.wait()
        second = asyncio.create_task(site.ask(GOOD))
        await asyncio.sleep(0.05)
    site.durable.gate.set()
    assert (await second).json["status"] == "duplicate"
    assert site.durable.calls == 1


def test_a_connection_that_ends_under_an_unsent_answer_is_no_fault_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    """On the loop of production: it raises for a write on what is closed."""

    async def ended_by_nonsense() -> None:
        async with running() as site, site.connect() as connection:
            site.durable.gate.clear()
            await connection.send(GOOD + GOOD + b"nonsense\r\n\r\n")
            await site.durable.begun.wait()
            assert await connection.closed()
            site.durable.gate.set()
            assert (await site.ask(GOOD)).json["status"] == "duplicate"

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(ended_by_nonsense())
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_request_that_was_refused_in_the_same_piece_is_not_told_to_continue(caplog: pytest.LogCaptureFixture) -> None:
    """On the loop of production: it raises for a write behind the end."""
    length = b"content-length: %d" % len(BODY)
    head = GOOD[: -len(BODY)].replace(length, b"transfer-encoding: chunked\r\nexpect: 100-continue")

    async def refused_at_once() -> None:
        async with running() as site:
            assert (await site.ask(head + b"nonsense\r\n")).status == 400
            assert (await site.ask(GOOD)).json["status"] == "accepted"

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(refused_at_once())
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


async def test_identical_deliveries_at_once_share_one_outcome(site: Site) -> None:
    site.durable.gate.clear()
    asked = [asyncio.create_task(site.ask(GOOD)) for _ in range(10)]
    await site.durable.begun.wait()
    await asyncio.sleep(0.1)
    site.durable.gate.set()
    statuses = sorted([(await reply).json["status"] for reply in asked])
    assert statuses == ["accepted"] + ["duplicate"] * 9
    assert site.durable.calls == 1


async def test_identical_deliveries_share_a_failure_too(site: Site) -> None:
    site.durable.gate.clear()
    replies = await asyncio.gather(*(site.ask(GOOD) for _ in range(5)))
    assert {reply.status for reply in replies} == {503}
    assert site.durable.calls == 1


async def test_many_requests_on_one_connection(site: Site) -> None:
    async with site.connect() as connection:
        for number in range(50):
            body = encode(message_sent(f"m-{number}"))
            await connection.send(request(body, signed_headers(body, NOW)))
            assert (await connection.reply()).json["status"] == "accepted"


async def test_an_answer_before_the_body_ends_the_connection(site: Site) -> None:
    """The rest of that body must never be read as the next request."""
    async with site.connect() as connection:
        await connection.send(f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(GOOD)}\r\n\r\n".encode())
        assert (await connection.reply()).json["reason"] == "missing_header"
        await connection.send(GOOD)
        assert await connection.closed()
    assert site.durable.calls == 0


def test_the_limits_keep_every_answer_within_two_seconds() -> None:
    assert Limits.__dataclass_fields__["answer_seconds"].default == 1.5
