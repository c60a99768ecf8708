"""The simulator sends over a socket, to a small server whose answers the test chooses."""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.simulator.connection import Endpoint
from deploy.simulator.expectation import Totals
from deploy.simulator.key import development_key
from deploy.simulator.run import Pace, Simulator
from deploy.simulator.traffic import seeded_clock, traffic
from schemas.errors import Unavailable

Answer = Callable[[int], Awaitable[bytes]]


def response(code: int, **content: str) -> bytes:
    body = json.dumps(content).encode()
    return b"HTTP/1.1 %d x\r\ncontent-length: %d\r\n\r\n%b" % (code, len(body), body)


ACCEPTED = response(200, status="accepted")


async def accept(_number: int) -> bytes:
    return ACCEPTED


@asynccontextmanager
async def receiver(answer: Answer = accept, *, close_each: bool = False) -> AsyncIterator[Endpoint]:
    """Run a server that numbers its requests from 1 and answers each with the given function."""
    requests = 0
    busy: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length: "))
                await reader.readexactly(int(length.split()[1]))
                requests += 1
                writer.write(await answer(requests))
                if close_each:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        busy.add(task)
        task.add_done_callback(busy.discard)

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    try:
        yield Endpoint("127.0.0.1", server.sockets[0].getsockname()[1], "/webhooks/telnyx", tls=False)
    finally:
        server.close()
        await asyncio.gather(*busy)


async def run(endpoint: Endpoint, directory: Path, pace: Pace) -> Totals:
    totals = Totals(out=io.StringIO())
    await Simulator(endpoint, development_key(directory), pace).run(traffic(1, seeded_clock()), totals)
    return totals


async def test_every_webhook_is_sent_once_and_recorded(tmp_path: Path) -> None:
    async with receiver() as endpoint:
        totals = await run(endpoint, tmp_path, Pace(rate=0, count=200))
    assert isinstance(totals.out, io.StringIO)
    lines = [json.loads(line) for line in totals.out.getvalue().splitlines()]
    assert [line["number"] for line in lines] == list(range(1, 201))
    assert (totals.sent, totals.surprising, totals.answers) == (200, 0, {"200 accepted": 200})


async def test_a_server_may_close_after_each_answer(tmp_path: Path) -> None:
    async with receiver(close_each=True) as endpoint:
        totals = await run(endpoint, tmp_path, Pace(rate=0, count=50, connections=4))
    assert (totals.sent, totals.surprising) == (50, 0)


async def test_a_run_continues_after_an_unexpected_answer(tmp_path: Path) -> None:
    async def third_fails(number: int) -> bytes:
        return response(503, error="unavailable") if number == 3 else ACCEPTED

    async with receiver(third_fails) as endpoint:
        totals = await run(endpoint, tmp_path, Pace(rate=0, count=20))
    assert (totals.sent, totals.surprising, totals.answers["503 unavailable"]) == (20, 1, 1)


async def test_an_address_without_a_server_is_one_error(tmp_path: Path) -> None:
    async with receiver() as endpoint:
        pass
    with pytest.raises(Unavailable, match=f"^no answer from 127.0.0.1:{endpoint.port}: connection refused$"):
        await run(endpoint, tmp_path, Pace(rate=0, count=50))


async def test_a_server_that_stops_counts_as_an_answer_to_each_request(tmp_path: Path) -> None:
    async def dies(number: int) -> bytes:
        if number > 5:
            raise ConnectionResetError
        return ACCEPTED

    async with receiver(dies) as endpoint:
        totals = await run(endpoint, tmp_path, Pace(rate=0, count=20, connections=2))
    assert (totals.sent, totals.surprising) == (20, 15)


async def test_an_answer_that_is_not_http_counts_as_an_answer(tmp_path: Path) -> None:
    async def other_protocol(number: int) -> bytes:
        return b"220 mail.example.com ESMTP\r\n" if number == 2 else ACCEPTED

    async with receiver(other_protocol) as endpoint:
        totals = await run(endpoint, tmp_path, Pace(rate=0, count=3, connections=1))
    assert (totals.sent, totals.surprising) == (3, 1)


async def test_it_never_exceeds_the_rate(tmp_path: Path) -> None:
    async with receiver() as endpoint:
        started = time.monotonic()
        await run(endpoint, tmp_path, Pace(rate=100, count=21))
    assert time.monotonic() - started >= 0.2


async def test_slow_answers_do_not_slow_the_sending(tmp_path: Path) -> None:
    under_way = most = 0

    async def slow(number: int) -> bytes:
        nonlocal under_way, most
        if number > 1:
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.3)
            under_way -= 1
        return ACCEPTED

    async with receiver(slow) as endpoint:
        await run(endpoint, tmp_path, Pace(rate=100, count=16, connections=8))
    assert most == 8
