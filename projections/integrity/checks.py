"""Checks stored evidence against itself: signatures, event keys, and the seals over a range of events.

The columns that were read from a body when it was stored are read from it again and compared. A swapped body is found
even if it is just as genuine. Checks only read; a finding is about one row, and does not end the check.
"""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial
from hashlib import blake2b, sha256
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import orjson

from projections.engine.quarantine import FORGED, signed_by
from projections.integrity.merkle import leaf_hash, tree_hash
from projections.integrity.sealing import EVENTS_A_SEAL, Seal
from projections.sql import queries
from schemas.families.table import family_of
from schemas.reading.canonical import canonical
from schemas.reading.event import Unreadable, read
from schemas.reading.normalize import instant, text, vendor_id
from schemas.reading.signing import Key

# Rows of a page, and the lengths of their bodies: at most 16 MB a page, and nearly every event is in the first kind.
PAGES = ((1000, 0, 16 * 1024), (16, 16 * 1024, 1024 * 1024 * 1024))
LONGEST_SECONDS = 24 * 60 * 60
SHOWN_POSITIONS = 5
READ_AGAIN = ("event_id", "event_type", "retention_class", "occurred_at")

_SQL = queries("integrity")


class Finding(NamedTuple):
    """One problem: `what` is an event_key, a quarantine_key, or the number or chain of a seal."""

    what: str
    problem: str


@dataclass(frozen=True, slots=True)
class EventRange:
    """Positions from first to last, both included. The seals cover all of it, or there are none.

    `missed`: no seal covers it although a seal covers later positions.
    """

    first: int
    last: int
    seals: tuple[Seal, ...] = ()
    missed: bool = False

    @property
    def expected_events(self) -> int:
        """An estimate, for a progress bar."""
        return sum(seal.events for seal in self.seals) or min(EVENTS_A_SEAL, self.last - self.first + 1)

    @property
    def name(self) -> str:
        """Identifies everything that the result depends on, so that a saved result is not used for another range."""
        seals = [(seal.seq, seal.first_position, seal.last_position, seal.events, seal.root) for seal in self.seals]
        return sha256(repr((self.first, self.last, seals, self.missed)).encode()).hexdigest()[:32]


@dataclass(slots=True)
class CheckResult:
    """The findings of one check, and how many rows it read."""

    events: int = 0
    quarantined: int = 0
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Check:
    """One piece of a verification, which one worker runs. `name` identifies it in the saved progress."""

    name: str
    run: Callable[[asyncpg.Connection, Mapping[str, Key]], Coroutine[Any, Any, CheckResult]]
    expected_events: int = 0


def range_check(events: EventRange) -> Check:
    """Checks every event of the range, and its seals."""
    return Check(events.name, partial(_check_range, events), events.expected_events)


async def _check_range(events: EventRange, connection: asyncpg.Connection, keys: Mapping[str, Key]) -> CheckResult:
    checked, found = CheckResult(), list[tuple[int, bytes]]()
    async for page in _pages(connection, _SQL["events"], events.first, events.last):
        checked.findings += _signature_findings(page, keys)
        checked.findings += _body_findings(page)
        found += [(row[0], leaf_hash(row[0], row[1], sha256(row[6]).digest())) for row in page]
        if events.missed:
            checked.findings += [
                Finding(str(row[1]), "seal: none covers it, though later ones are sealed") for row in page
            ]
    checked.events = len(found)
    found.sort()
    positions, leaves = [position for position, _ in found], [leaf for _, leaf in found]
    for seal in events.seals:
        inside = slice(bisect_left(positions, seal.first_position), bisect_right(positions, seal.last_position))
        problem = _seal_problem(seal, positions[inside], leaves[inside])
        if problem:
            checked.findings.append(Finding(f"seal {seal.seq}", problem))
    return checked


async def _check_quarantine(connection: asyncpg.Connection, keys: Mapping[str, Key]) -> CheckResult:
    checked = CheckResult()
    async for page in _pages(connection, _SQL["quarantined"]):
        checked.quarantined += len(page)
        for key, reason, body, signature, stamp, key_id in page:
            if read(body).key != str(key):
                checked.findings.append(Finding(str(key), "quarantine_key: it is not that of the body"))
            # A forgery has no valid signature. The other rows had one when they were quarantined.
            if reason != FORGED and key_id in keys and not signed_by(keys[key_id], stamp or "", signature or b"", body):
                checked.findings.append(Finding(str(key), f"signature: {_signature_problem(stamp, key_id, keys)}"))
    return checked


async def _check_keys(connection: asyncpg.Connection, _keys: Mapping[str, Key]) -> CheckResult:
    rows = await connection.fetch(_SQL["keys_twice"], timeout=LONGEST_SECONDS)
    return CheckResult(findings=[Finding(str(key), f"event_key: stored {times} times") for key, times in rows])


QUARANTINE_CHECK = Check("quarantine", _check_quarantine)
DUPLICATE_CHECK = Check("keys", _check_keys)  # no event is stored twice, in whatever partitions


async def _pages(
    connection: asyncpg.Connection, query: str, *arguments: object
) -> AsyncIterator[Sequence[asyncpg.Record]]:
    """Pages of the rows. The next page is fetched while the caller looks at one."""
    # One execution for all pages: each execution begins with a descent into the index of every partition.
    for rows, shortest, too_long in PAGES:
        async with connection.transaction(readonly=True):
            cursor = await connection.cursor(query, *arguments, shortest, too_long)
            page = await cursor.fetch(rows)
            while page:
                following = asyncio.ensure_future(cursor.fetch(rows))
                await asyncio.sleep(0)  # sends the request
                yield page
                page = await following


# Signatures and bodies are checked in two passes: reading bodies is a third faster without signatures in between.


def _signature_findings(page: Sequence[asyncpg.Record], keys: Mapping[str, Key]) -> Iterator[Finding]:
    for _, key, _, _, _, _, body, signature, stamp, key_id in page:
        if not signed_by(keys.get(key_id), stamp, signature, body):
            yield Finding(str(key), f"signature: {_signature_problem(stamp, key_id, keys)}")


def _body_findings(page: Sequence[asyncpg.Record]) -> Iterator[Finding]:
    for _, key, event_id, event_type, retention_class, occurred_at, body, _, _, _ in page:
        if _matches_body(body, key, event_id, event_type, retention_class, occurred_at):
            continue
        found = read(body)
        if isinstance(found, Unreadable):
            yield Finding(str(key), f"event_key: the body is not an event ({found.reason})")
        elif found.key != str(key):
            yield Finding(str(key), f"event_key: the body is that of {found.key}")
        else:
            stored = (event_id, event_type, retention_class, occurred_at)
            in_body = (found.id, found.type, found.retention_class, found.occurred_at)
            if stored != in_body:
                wrong = [name for name, here, there in zip(READ_AGAIN, stored, in_body, strict=True) if here != there]
                yield Finding(str(key), f"{', '.join(wrong)}: not what the body says")


def _matches_body(
    body: bytes, key: UUID, event_id: str | None, event_type: str, retention_class: str, occurred_at: datetime
) -> bool:
    """A shortcut for `read`, at three quarters of its cost. False says nothing: then the caller must use `read`."""
    try:
        data = orjson.loads(body)["data"]
        return (
            blake2b(canonical(data, body), digest_size=16).digest() == key.bytes
            and _type_and_class(data["event_type"]) == (event_type, retention_class)
            and instant(data["occurred_at"]) == occurred_at
            and vendor_id(data.get("id")) == event_id
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return False


@lru_cache(maxsize=100)
def _type_and_class(sent_type: str) -> tuple[str | None, str]:
    """(event type, retention class). Telnyx repeats a few types, so the cache answers nearly always."""
    event_type = text(sent_type)
    return event_type, family_of(event_type or "").retention_class


def _signature_problem(stamp: str | None, key_id: str, keys: Mapping[str, Key]) -> str:
    if key_id not in keys:
        return f"key {key_id} is not known here"
    digits = stamp is not None and stamp.isascii() and stamp.isdigit()
    if digits and not keys[key_id].valid_at(int(stamp or "")):
        return f"key {key_id} was not valid at the signed time"
    return f"key {key_id} did not sign these bytes"


def _seal_problem(seal: Seal, positions: Sequence[int], leaves: Sequence[bytes]) -> str | None:
    """The problem of a seal, if any, whose range holds these events in order."""
    where = f"positions {seal.first_position} to {seal.last_position}"
    more = len(leaves) - seal.events
    if more < 0:
        return f"events: {-more} of {seal.events} were taken out of {where}{_empty_positions(seal, positions)}"
    if more > 0:
        return f"events: {more} more than the {seal.events} that were sealed are in {where}"
    if tree_hash(leaves) != seal.root:
        return f"root: it is not that of the events in {where}: one was changed, or the seal was"
    return None


def _empty_positions(seal: Seal, positions: Sequence[int]) -> str:
    """The empty positions, if they are few. A removed event and a position that was never used look the same."""
    if seal.last_position - seal.first_position + 1 - len(positions) > SHOWN_POSITIONS:
        return ""
    empty = sorted(set(range(seal.first_position, seal.last_position + 1)).difference(positions))
    return f"; nothing is at {', '.join(map(str, empty))}"
