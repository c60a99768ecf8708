"""Streams of colliding webhooks for hypothesis: few subjects, persons and moments, well and badly formed.

The pools are small on purpose. A law about order and repetition tests something only if events meet in one row, at one
time, with contradictory values, and if unreadable values stand beside readable ones.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, zip_longest
from typing import Any

from hypothesis import strategies as st

from tests.support.streams.messages import MESSAGES
from tests.support.streams.pools import ACCOUNTS, BASE, LAST_STEP, STEP, weighted
from tests.support.streams.resources import RESOURCES
from tests.support.streams.ten_dlc import TEN_DLC
from tests.support.webhooks.malformed import BROKEN, written

__all__ = ["BASE", "BODIES", "MOMENTS", "Webhook", "body_of", "parts", "repeated", "shuffled", "split", "streams"]

FIRST_ATTEMPT = b'{"meta":{"attempt":1},'


@dataclass(frozen=True)
class Webhook:
    """One delivery before it is signed: its body, account and time, and whether its timestamp is refused."""

    body: bytes
    account: str
    received_at: datetime
    refused: str | None = None

    def again(self, attempt: int) -> "Webhook":
        """A later delivery of the same event: other bytes if the body is readable, equal `data`."""
        body = self.body.replace(FIRST_ATTEMPT, b'{"meta":{"attempt":%d},\n' % attempt, 1)
        return replace(self, body=body, received_at=self.received_at + attempt * STEP)


def body_of(data: Any) -> bytes:
    return FIRST_ATTEMPT + b'"data":' + written(data).encode() + b"}"


MOMENTS = st.integers(-1, LAST_STEP + 3).map(lambda step: BASE + step * STEP)
# Account, step and refusal in one draw.
ARRIVALS = st.sampled_from(
    [(account, step, None) for account in "aaaaaaaaab" for step in range(LAST_STEP + 3)]
    + [("a", step, refused) for refused in ("stale_timestamp", "future_timestamp") for step in (1, 3, 5)]
)


def webhooks(bodies: st.SearchStrategy[bytes]) -> st.SearchStrategy[Webhook]:
    return st.tuples(bodies, ARRIVALS).map(
        lambda drawn: Webhook(drawn[0], drawn[1][0], BASE + drawn[1][1] * STEP, drawn[1][2])
    )


FAMILIES = [data.map(body_of) for data in (MESSAGES, TEN_DLC, RESOURCES)]
NO_WEBHOOKS = st.sampled_from(BROKEN)
BODIES = weighted(*((5, bodies) for bodies in FAMILIES), (1, NO_WEBHOOKS))


def streams(messages: int = 9, ten_dlc: int = 12, resources: int = 7) -> st.SearchStrategy[list[Webhook]]:
    """Streams of deliveries by arrival, with at most so many of each family, in turn."""
    sizes = zip(FAMILIES, (messages, ten_dlc, resources), strict=True)
    families = [st.lists(webhooks(bodies), min_size=size // 2, max_size=size) for bodies, size in sizes]
    return st.tuples(*families, st.lists(webhooks(NO_WEBHOOKS), max_size=2)).map(_in_turn)


def _in_turn(families: Sequence[Sequence[Webhook]]) -> list[Webhook]:
    return [webhook for webhook in chain.from_iterable(zip_longest(*families)) if webhook is not None]


def shuffled(stream: Sequence[Webhook], seed: int) -> list[Webhook]:
    """The same deliveries in another order."""
    order = list(stream)
    random.Random(seed).shuffle(order)
    return order


def repeated(stream: Sequence[Webhook], seed: int) -> list[Webhook]:
    """The same events, some of them delivered again later; rarely to the other account's URL."""
    chance = random.Random(seed)
    order = list(stream)
    for webhook in stream:
        for attempt in range(2, 2 + chance.choice((0, 1, 1, 2))):
            copy = webhook.again(attempt)
            if chance.random() < 0.05:
                copy = replace(copy, account=chance.choice(ACCOUNTS))
            order.insert(chance.randrange(len(order) + 1), copy)
    return order


def split(stream: Sequence[Webhook], seed: int) -> list[list[Webhook]]:
    """The stream cut into batches at random places."""
    chance = random.Random(seed)
    batches: list[list[Webhook]] = [[]]
    for webhook in stream:
        if chance.random() < 0.4:
            batches.append([])
        batches[-1].append(webhook)
    return [batch for batch in batches if batch]


def parts(stream: Sequence[Webhook], seed: int) -> list[Sequence[Webhook]]:
    """The stream in three pieces, some of them empty."""
    chance = random.Random(seed)
    first, last = sorted((chance.randint(0, len(stream)), chance.randint(0, len(stream))))
    return [stream[:first], stream[first:last], stream[last:]]
