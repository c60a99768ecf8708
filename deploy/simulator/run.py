"""Sends webhooks at a rate that does not depend on the answers (an open loop), over a bounded number of connections."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from deploy.simulator.connection import Connection, Endpoint
from deploy.simulator.expectation import CheckedAnswer, Totals, read_answer
from deploy.simulator.key import DevelopmentKey
from deploy.simulator.webhook import Webhook
from schemas.errors import Unavailable

ANSWER_TIMEOUT_SECONDS = 10.0  # Telnyx waits 2 s; a later answer is still worth recording


@dataclass(frozen=True, slots=True)
class Pace:
    """Webhooks per second, number of webhooks (0: until stopped), and the bound on concurrent requests."""

    rate: float
    count: int = 0
    connections: int = 32


class Simulator:
    """Sends over several connections, one request at a time on each.

    The first request is sent alone: an address without a server is one error, not thousands. Later errors count as
    answers, which lets a run show the effect of a restart.
    """

    def __init__(self, endpoint: Endpoint, key: DevelopmentKey, pace: Pace) -> None:
        self._endpoint = endpoint
        self._key = key
        self._pace = pace

    async def run(self, webhooks: Iterator[Webhook], totals: Totals, tick: Callable[[], None] = lambda: None) -> None:
        """Send until the count is reached or the task is cancelled, with a `tick` per answer. Raises Unavailable."""
        paced = self._paced(webhooks)
        first = Connection(self._endpoint)
        async for webhook in paced:
            totals.add(await self._send(first, webhook))
            tick()
            break
        if totals.sent and not totals.latencies:
            raise Unavailable(f"no answer from {self._endpoint.host}:{self._endpoint.port}: {totals.last_error}")
        queue: asyncio.Queue[Webhook] = asyncio.Queue(maxsize=1)
        connections = [first, *(Connection(self._endpoint) for _ in range(self._pace.connections - 1))]
        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(self._work(connection, queue, totals, tick)) for connection in connections]
            async for webhook in paced:
                await queue.put(webhook)
            await queue.join()
            for worker in workers:
                worker.cancel()

    async def _paced(self, webhooks: Iterator[Webhook]) -> AsyncIterator[Webhook]:
        """Yield each webhook when it is due. A late one does not delay the next ones."""
        started = time.monotonic()
        for number, webhook in enumerate(webhooks):
            if self._pace.count and number >= self._pace.count:
                return
            if self._pace.rate:
                await asyncio.sleep(max(0.0, started + number / self._pace.rate - time.monotonic()))
            yield webhook

    async def _work(
        self, connection: Connection, queue: asyncio.Queue[Webhook], totals: Totals, tick: Callable[[], None]
    ) -> None:
        try:
            while True:
                totals.add(await self._send(connection, await queue.get()))
                tick()
                queue.task_done()
        finally:
            connection.close()

    async def _send(self, connection: Connection, webhook: Webhook) -> CheckedAnswer:
        body = webhook.body
        headers = self._key.headers(webhook, body, int(time.time()))
        started = time.perf_counter()
        try:
            status, answer = await connection.post(body, headers, ANSWER_TIMEOUT_SECONDS)
        except TimeoutError:
            return CheckedAnswer(webhook, None, None, "timeout", time.perf_counter() - started)
        except OSError as error:
            return CheckedAnswer(webhook, None, None, _reason(error), time.perf_counter() - started)
        return CheckedAnswer(webhook, status, read_answer(answer), None, time.perf_counter() - started)


def _reason(error: OSError) -> str:
    return "connection refused" if isinstance(error, ConnectionRefusedError) else error.strerror or str(error)
