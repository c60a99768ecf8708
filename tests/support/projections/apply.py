"""Applies streams of webhooks with the projector, as the consumer does, and clears its tables between examples."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg

from projections.engine.batch import Incoming
from projections.engine.projector import Projector
from projections.registry import PROJECTIONS
from schemas.kafka.record import Delivery
from schemas.reading.signing import KeyRing, parse_keys
from tests.oracle import bodies, compare
from tests.support.projections.signed_records import published
from tests.support.streams import Webhook
from tests.support.webhooks import builders

SIGNING_KEYS = {"a": builders.KEY, "b": builders.OTHER_KEY}


def key_ring() -> KeyRing:
    return KeyRing(parse_keys(builders.public_key_setting(key, account) for account, key in SIGNING_KEYS.items()))


def new_projector(database_url: str) -> Projector:
    return Projector(database_url, keys=key_ring(), verify=True, owner="laws", projections=PROJECTIONS)


@asynccontextmanager
async def closing(projector: Projector) -> AsyncIterator[Projector]:
    try:
        yield projector
    finally:
        await projector.close()


def signed(webhook: Webhook) -> Delivery:
    """The delivery as the product describes it, signed with the account's key at the time of receipt."""
    key = SIGNING_KEYS[webhook.account]
    stamp = str(int(webhook.received_at.timestamp()))
    signature, key_id = builders.sign(webhook.body, stamp, key), builders.key_id(key)
    return Delivery(webhook.body, signature, stamp, key_id, webhook.account, webhook.received_at)


def expected_delivery(webhook: Webhook) -> bodies.Delivery:
    """The same delivery as the oracle describes it."""
    delivery = signed(webhook)
    evidence = (delivery.body, delivery.signature, delivery.signed_timestamp)
    return bodies.Delivery(delivery.account, delivery.key_id, delivery.received_at, *evidence, webhook.refused)


def incoming(webhook: Webhook) -> Incoming:
    """The record that ingest would have published."""
    record = published(signed(webhook), webhook.refused)
    return Incoming(record.value, record.headers, appended_at=datetime.max.replace(tzinfo=webhook.received_at.tzinfo))


async def apply(projector: Projector, batches: Iterable[Sequence[Webhook]]) -> None:
    for batch in batches:
        await projector.apply([incoming(webhook) for webhook in batch])


async def allow_clearing(administrator: asyncpg.Connection) -> None:
    """Disable the triggers that make `events` append-only, in the test's database."""
    await administrator.execute(
        "create or replace function telnyx.refuse_change() returns trigger language plpgsql as 'begin return old; end'"
    )


async def clear(administrator: asyncpg.Connection) -> None:
    """Empty every table that is compared, the dead letters and the status of projections. Needs `allow_clearing`."""
    names = (*compare.COLUMNS, "dead_letters", "projection_state")
    await administrator.execute(" ".join(f"delete from telnyx.{table};" for table in names))
