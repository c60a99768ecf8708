"""Signed events of a year in any number: one large account and three small ones, made and copied by all cores.

The same number and end give the same events. Each agrees with its body, so a rebuild, `verify` and seals find no error.
The private keys are derived from words and sign nothing else.
"""

import asyncio
import itertools
import multiprocessing
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from random import Random
from typing import Any

from nacl.bindings import crypto_sign, crypto_sign_seed_keypair

from deploy.simulator.stories import channels, groups, messages, ten_dlc
from deploy.simulator.stories.messages import Stories, Story
from deploy.simulator.traffic import ACCOUNT, interleaved
from deploy.simulator.webhook import Webhook
from deploy.simulator.world import AREA_CODES, CARRIERS, Person, World
from projections.signing_keys import key_book
from schemas.reading.event import Event, read
from schemas.reading.signing import Key, KeyRing
from tests.support.sql.connections import connected

SHARES = {"acme": 85, "bluebird": 5, "corner": 5, "delta": 5}  # of a hundred events
LARGE = "acme"
PROFILES = {LARGE: 20}
YEAR = timedelta(days=365)
SHARD_EVENTS = 20_000
EVENTS_PER_PERSON = 10
COLUMNS = (
    "event_key", "event_id", "account", "event_type", "retention_class", "occurred_at", "received_at", "recorded_at",
    "body", "signature", "signed_timestamp", "key_id",
)  # fmt: skip


# The simulator makes its rare stories frequent; here about two people in a hundred opt out, and a brand is registered
# every ten thousand stories.
STORIES: Stories = (
    (messages.delivery, 8000),
    (messages.conversation, 1000),
    (messages.picture, 200),
    (messages.opt_out, 200),
    (messages.revocation, 30),
    (messages.help_wanted, 30),
    *((story, 100 * weight) for story, weight in groups.STORIES + channels.STORIES),
    *((story, 5 * weight) for story, weight in ACCOUNT),
    *ten_dlc.STORIES,
)


@dataclass(frozen=True, slots=True)
class Shard:
    """The events of an account in a stretch of the year, the first of which is 0; `people` is how many it writes to."""

    account: str
    stretch: int
    begins_at: datetime
    lasts: timedelta
    events: int
    people: int


def shards(events: int, ends_at: datetime) -> list[Shard]:
    """The events of a year that ends then, by time."""
    stretches = max(12, events // SHARD_EVENTS)
    lasts = YEAR / stretches
    found = []
    for stretch, (account, share) in itertools.product(range(stretches), SHARES.items()):
        up_to = [events * share * number // (100 * stretches) for number in (stretch, stretch + 1)]
        people = max(100, events * share // 100 // EVENTS_PER_PERSON)
        begins_at = ends_at - YEAR + stretch * lasts
        found.append(Shard(account, stretch, begins_at, lasts, up_to[1] - up_to[0], people))
    return found


def webhooks(shard: Shard) -> Iterator[Webhook]:
    """Each event once, roughly by time."""
    told = 0
    readings = 0

    def clock() -> datetime:
        nonlocal readings
        readings += 1
        at = shard.begins_at + shard.lasts * min(told, shard.events) / shard.events
        return at + timedelta(microseconds=readings % 1000)

    world = World(Random(f"{shard.account} {shard.stretch}"), clock)
    world.profiles, world.people = _profiles(shard.account), _people(shard.account, shard.people)
    begun: Iterator[Story] = ten_dlc.opening(world) if shard.stretch == 0 else iter(())
    once = (webhook for webhook in interleaved(world, STORIES, begun) if webhook.attempt == 1)
    for webhook in itertools.islice(once, shard.events):
        told += 1
        yield webhook


@cache
def _profiles(account: str) -> tuple[Any, ...]:
    """The simulator's stories, as many as the account needs, with separate numbers."""
    rng = Random(account)
    patterns = World(rng, datetime.now).profiles
    found = []
    for nth in range(PROFILES.get(account, len(patterns))):
        pattern = patterns[nth % len(patterns)]
        areas = {"toll_free": ("833",), "long_code": AREA_CODES}
        numbers = tuple(
            (_number(rng, rng.choice(areas[kind])) if kind in areas else number, kind)
            for number, kind in pattern.numbers
        )
        tcr = pattern.tcr_campaign_id and f"C{nth % 10}{''.join(rng.choices('ABCDEFGHJKLM', k=5))}"
        found.append(
            replace(pattern, id=str(uuid.UUID(int=rng.getrandbits(128))), numbers=numbers, tcr_campaign_id=tcr)
        )
    return tuple(found)


@cache
def _people(account: str, count: int) -> tuple[Person, ...]:
    rng = Random(f"people of {account}")
    carriers = rng.choices(CARRIERS, [weight for _, weight, _ in CARRIERS], k=count)
    return tuple(Person(_number(rng, rng.choice(AREA_CODES)), carrier, fee) for carrier, _, fee in carriers)


def _number(rng: Random, area: str) -> str:
    return f"+1{area}{rng.randint(2_000_000, 9_999_999)}"


# --- signed, as rows


@cache
def _keypair(account: str) -> tuple[bytes, bytes]:
    """The key pair of an account."""
    public, private = crypto_sign_seed_keypair(sha256(f"telnyx-ledger benchmark {account}".encode()).digest())
    return bytes(public), bytes(private)


def ring() -> KeyRing:
    """The public keys of the accounts."""
    return KeyRing([Key(account, _keypair(account)[0]) for account in SHARES])


def rows(shard: Shard) -> list[tuple[Any, ...]]:
    """Rows of `events` without the position: received some seconds after they occurred, and recorded soon after."""
    rng = Random(f"delays {shard.account} {shard.stretch}")
    [key] = ring().of_account(shard.account)
    private = _keypair(shard.account)[1]
    found: dict[str, tuple[Any, ...]] = {}
    for webhook in webhooks(shard):
        body = webhook.body
        event = read(body)
        if not isinstance(event, Event):
            raise TypeError(f"{event.reason}: {webhook.kind}")
        received_at = event.occurred_at + timedelta(seconds=rng.expovariate(1))
        stamp = str(int(received_at.timestamp()))
        signature = crypto_sign(stamp.encode() + b"|" + body, private)[:64]
        recorded_at = received_at + timedelta(seconds=rng.expovariate(5))
        found[event.key] = (
            uuid.UUID(event.key), event.id, shard.account, event.type, event.retention_class, event.occurred_at,
            received_at, recorded_at, body, signature, stamp, key.key_id,
        )  # fmt: skip
    return list(found.values())


# --- into the database


async def prepare(url: str, ends_at: datetime) -> None:
    """The keys, and the months of the year and of its neighbours: a message may be finalized a little later."""
    async with connected(url) as connection:
        await key_book(connection, ring())
        await connection.execute("select telnyx.ensure_partitions($1, 14)", ends_at - YEAR - timedelta(days=1))


def load(url: str, events: int, ends_at: datetime, tick: Callable[[int], None]) -> int:
    """Copies about so many events with one process per core; gives their number and reports to `tick`."""
    asyncio.run(prepare(url, ends_at))
    done = 0
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        for count in pool.imap(_copy, [(url, shard) for shard in shards(events, ends_at)]):
            done += count
            tick(done)
    return done


def _copy(work: tuple[str, Shard]) -> int:
    return asyncio.run(copy(*work))


async def copy(url: str, shard: Shard) -> int:
    """Copies one shard in one transaction."""
    records = rows(shard)
    async with connected(url) as connection:
        await connection.copy_records_to_table("events", schema_name="telnyx", columns=COLUMNS, records=records)
    return len(records)
