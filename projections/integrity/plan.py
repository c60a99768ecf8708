"""Plans a verification: judges the chain of seals, and cuts the stored events into checks for the workers.

The checks cover every position that was stored when the plan was made, whether a seal covers it or not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import asyncpg

from projections.engine.event_reader import last_position
from projections.integrity.checks import (
    DUPLICATE_CHECK,
    LONGEST_SECONDS,
    QUARANTINE_CHECK,
    Check,
    EventRange,
    Finding,
    range_check,
)
from projections.integrity.merkle import FIRST_CHAIN, chain_value
from projections.integrity.sealing import EVENTS_A_SEAL, Seal
from projections.sql import queries
from schemas.errors import Misconfigured

LOWEST_POSITION = -(2**63)

_SQL = queries("integrity")


@dataclass(frozen=True, slots=True)
class VerificationPlan:
    """`findings` are those of the chain; `identity` identifies the database."""

    identity: str
    seals: int
    checks: Sequence[Check]
    findings: Sequence[Finding]


async def plan_verification(connection: asyncpg.Connection, chains: Sequence[bytes] = ()) -> VerificationPlan:
    """Covers everything that is stored now. `chains` are chain values that were kept elsewhere and must still exist.

    Raises Misconfigured if the login may not read bodies.
    """
    if not await connection.fetchval(_SQL["may_read_bodies"]):
        raise Misconfigured(["DATABASE_URL: this login may not read bodies: grant it the role telnyx_auditor"])
    end = await last_position(connection)
    seals = [Seal(**row) for row in await connection.fetch(_SQL["seals"], timeout=LONGEST_SECONDS)]
    made = await connection.fetchval(_SQL["seal_count"])
    ranges = [part for piece in _ranges(seals, end) for part in await _split(connection, piece)]
    lost = [chain for chain in chains if all(seal.chain != chain for seal in seals)]
    epoch = await connection.fetchrow(queries("epochs")["last"]) if lost else None
    return VerificationPlan(
        identity=await connection.fetchval(_SQL["identity"]),
        seals=len(seals),
        # The duplicates take longest, so they are not the last to begin.
        checks=[DUPLICATE_CHECK, *map(range_check, ranges), QUARANTINE_CHECK],
        findings=[
            *chain_findings(seals, made),
            *(Finding(f"chain {chain.hex()}", _lost(epoch)) for chain in lost),
        ],
    )


def _lost(epoch: asyncpg.Record | None) -> str:
    """The problem of a chain value that no seal has. `epoch` is the last one, if an older copy ever took over."""
    if epoch is None:
        return "no seal has it: the seal was changed or removed"
    copy = f"an older copy, with {epoch['last_seal']} seals up to position {epoch['last_position']}, took over"
    return f"no seal has it: {copy} at {epoch['began_at']:%Y-%m-%dT%H:%M:%SZ}, and later seals were lost"


def chain_findings(seals: Sequence[Seal], made: int) -> Iterator[Finding]:
    """The problems between seals, which come in order of their numbers; `made` is how many there should be."""
    before: Seal | None = None
    for seal in seals:
        number, end, chain = (before.seq, before.last_position, before.chain) if before else (0, 0, FIRST_CHAIN)
        what = f"seal {seal.seq}"
        if seal.seq != number + 1:
            yield from _missing(number + 1, seal.seq - 1)
        elif seal.first_position != end + 1:
            yield Finding(what, f"first_position: {seal.first_position}, though the seal before ends at {end}")
        # After a missing seal the chain cannot be checked: its previous value is gone.
        if seal.seq == number + 1 and seal.chain != chain_value(chain, seal.root, seal.last_position):
            yield Finding(what, "chain: it does not follow from the seal before, its root and its last position")
        before = seal
    yield from _missing((before.seq if before else 0) + 1, made)


def _missing(first: int, last: int) -> Iterator[Finding]:
    for seq in range(first, last + 1):
        yield Finding(f"seal {seq}", "missing: it was made and taken out")


def _ranges(seals: Sequence[Seal], end: int) -> Iterator[EventRange]:
    """Ranges of neighbouring seals with about EVENTS_A_SEAL events, and the ranges that no seal covers."""
    after, before, group, events = LOWEST_POSITION - 1, 0, list[Seal](), 0
    for seal in seals:
        if group and (seal.first_position != after + 1 or events + seal.events > EVENTS_A_SEAL):
            yield _sealed_range(group)
            group, events = [], 0
        if seal.first_position > after + 1:
            # A missing seal is one finding, by its number. Where no seal is missing, each event was inserted later.
            yield EventRange(after + 1, seal.first_position - 1, missed=seal.seq == before + 1)
        group.append(seal)
        events += seal.events
        after, before = max(after, seal.last_position), seal.seq
    if group:
        yield _sealed_range(group)
    if end > after:
        yield EventRange(after + 1, end)


def _sealed_range(group: Sequence[Seal]) -> EventRange:
    return EventRange(group[0].first_position, group[-1].last_position, tuple(group))


async def _split(connection: asyncpg.Connection, piece: EventRange) -> list[EventRange]:
    """Cuts a range without seals into pieces of EVENTS_A_SEAL events."""
    if piece.seals:
        return [piece]
    rows = await connection.fetch(_SQL["chunks"], piece.first, piece.last, EVENTS_A_SEAL, timeout=LONGEST_SECONDS)
    return [replace(piece, first=row["first_position"], last=row["last_position"]) for row in rows]
