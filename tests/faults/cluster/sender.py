"""Sends webhooks and logs the answers, as a process that imports nothing of the product.

Argument: a `Sending` as JSON. SIGTERM ends it; SIGUSR1 makes it sign with the other key. Like Telnyx it repeats a
webhook without a 2xx; unlike Telnyx it never gives up, so every event meets every fault.
"""

import asyncio
import dataclasses
import json
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults.cluster.promise_log import Entry, PromiseLog
from tests.faults.cluster.traffic import Webhook, stream
from tests.support.environment.http_sender import Answer, WebhookConnection
from tests.support.webhooks.builders import KEY, OTHER_KEY

PAUSE_SECONDS = 0.1  # before a retry
BEHIND_SECONDS = 1.0  # the most that a sender catches up


@dataclass(frozen=True, slots=True)
class Sending:
    """`rate`: requests per second over all connections."""

    port: int
    seed: str
    promise_log: str
    rate: float = 200
    connections: int = 32

    def as_argument(self) -> str:
        return json.dumps(dataclasses.asdict(self))


class Sender:
    """Several connections that take webhooks from one stream, at one rate."""

    def __init__(self, sending: Sending) -> None:
        self._sending = sending
        self._webhooks: Iterator[tuple[int, Webhook]] = enumerate(stream(sending.seed))
        self._log = PromiseLog(Path(sending.promise_log))
        self._due = time.monotonic()
        self._keys = [KEY, OTHER_KEY]
        self.stop = asyncio.Event()

    def change_keys(self) -> None:
        self._keys.reverse()

    async def run(self) -> None:
        await asyncio.gather(*(self._connection() for _ in range(self._sending.connections)))

    async def _connection(self) -> None:
        async with WebhookConnection(self._sending.port) as connection:
            while not await self._stopped(self._turn()):
                number, webhook = next(self._webhooks)
                self._log.write(Entry(number))
                while not await self._delivered(connection, number, webhook):
                    if await self._stopped(PAUSE_SECONDS):
                        return

    def _turn(self) -> float:
        """Seconds until this connection may send."""
        now = time.monotonic()
        self._due = max(self._due + 1 / self._sending.rate, now - BEHIND_SECONDS)
        return self._due - now

    async def _stopped(self, seconds: float) -> bool:
        """Waits so long; True if the sender was stopped meanwhile."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self.stop.wait()
        except TimeoutError:
            return False
        return True

    async def _delivered(self, connection: WebhookConnection, number: int, webhook: Webhook) -> bool:
        began = time.monotonic()
        try:
            answer = await connection.webhook(webhook.body, key=self._keys[0])
        except OSError as error:
            self._log.write(Entry(number, 0, type(error).__name__, "", time.monotonic() - began))
            return False
        self._log.write(Entry(number, answer.status, *_said(answer), answer.seconds))
        return answer.status == 200


def _said(answer: Answer) -> tuple[str, str]:
    said = answer.json
    return str(said.get("status", said.get("error"))), str(said.get("event_key", ""))


async def main() -> None:
    sender = Sender(Sending(**json.loads(sys.argv[1])))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, sender.stop.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, sender.change_keys)
    await sender.run()


if __name__ == "__main__":
    asyncio.run(main())
