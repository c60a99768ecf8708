"""Everything that the ledger knows of one person, read in one snapshot: a dossier leaves no event of theirs out.

What belongs to a person: every stored webhook that names the number as who wrote to us, as who was sent to or copied
in, or as who opened a link (persons.py). A message profile limits it; a moment limits it to what had occurred by then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg

from projections.engine.event_reader import LONGEST_SECONDS
from projections.engine.projection_status import rebuilds_due, suspended_projections
from projections.integrity.inclusion_proofs import Proof, proofs, seals_from
from projections.integrity.sealing import Seal
from projections.signing_keys import remembered_keys
from projections.sql import queries
from projections.tables.deliveries import DELIVERIES
from projections.tables.opt_outs import OPT_OUTS
from projections.tables.persons import PERSONS
from schemas.errors import LedgerError
from schemas.reading.event import Event, read
from schemas.reading.normalize import vendor_id
from schemas.reading.signing import Key

END_OF_TIME = datetime.max.replace(tzinfo=UTC)  # asyncpg's 'infinity'
FEEDS = (DELIVERIES, OPT_OUTS, PERSONS)

EvidenceRow = Mapping[str, Any]
_SQL = queries("evidence")


@dataclass(frozen=True, slots=True)
class Original:
    """A webhook as it was stored. `profile` is '' where neither it nor another of its message names one."""

    event: Event
    row: EvidenceRow
    profile: str

    @property
    def key(self) -> str:
        """The event_key under which it is stored; that of the body, unless somebody changed the body."""
        return str(self.row["event_key"])


@dataclass(frozen=True, slots=True)
class OptOutState:
    """Rows of `opt_outs_as_of` for one profile: as far as is known now, and as far as was known at that moment."""

    profile: str
    now: EvidenceRow | None
    then: EvidenceRow | None


@dataclass(frozen=True, slots=True)
class Dossier:
    """One person. `at` None: everything that is known; `proofs` by event_key, without those that no seal covers.

    What is left out is counted: `later` than the moment, `elsewhere` in other profiles, and `gone` from the store.
    """

    phone: str
    profile: str | None
    at: datetime | None
    made_at: datetime
    originals: Sequence[Original]
    opt_out_states: Sequence[OptOutState]
    sent_after_opt_out: Mapping[str, EvidenceRow]
    keys: Sequence[tuple[Key, datetime]]
    seals: Sequence[Seal]
    proofs: Mapping[str, Proof]
    broken_seals: Sequence[int]
    later: int
    in_other_profiles: int
    missing: int
    dead_letters: int


async def dossier(connection: asyncpg.Connection, phone: str, profile: str | None, at: datetime | None) -> Dossier:
    """In a snapshot. `phone` as the tables spell it.

    Raises LedgerError for a person or profile that no event names, and for tables that wait for a
    rebuild, so that something may be missing.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute("set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0")
        await _refuse_gaps(connection)
        named = await _named(connection, phone)
        everything = await _originals(connection, named)
        profiles = sorted({one.profile for one in everything})
        if profile is not None and profile not in profiles:
            raise LedgerError(
                f"--profile: no webhook of {phone} is of profile {profile!r}; there are {_listed(profiles)}"
            )
        wanted = [one for one in everything if profile in (None, one.profile)]
        kept = [one for one in wanted if at is None or one.row["occurred_at"] <= at]
        seals = await seals_from(connection, [one.row["position"] for one in kept])
        proven, broken = await proofs(connection, seals, {one.key: one.row["position"] for one in kept})
        signed_by = {one.row["key_id"] for one in kept}
        return Dossier(
            phone=phone,
            profile=profile,
            at=at,
            made_at=await connection.fetchval("select now()"),
            originals=kept,
            opt_out_states=await _opt_out_states(connection, phone, profiles if profile is None else [profile], at),
            sent_after_opt_out=await _sent_after_opt_out(connection, phone, kept, at),
            keys=[(key, seen) for key, seen in await remembered_keys(connection) if key.key_id in signed_by],
            seals=seals,
            proofs=proven,
            broken_seals=broken,
            later=len(wanted) - len(kept),
            in_other_profiles=len(everything) - len(wanted),
            missing=len(named) - len(everything),
            dead_letters=await connection.fetchval(_SQL["dead_letters"], [one.name for one in FEEDS]),
        )


async def _refuse_gaps(connection: asyncpg.Connection) -> None:
    lacking = {one.name for one in FEEDS} & set(await suspended_projections(connection))
    lacking |= set(await rebuilds_due(connection, FEEDS))
    if lacking:
        names = " ".join(one.name for one in FEEDS if one.name in lacking)
        raise LedgerError(f"something may be missing until it is rebuilt: run `telnyx-ledger rebuild {names}` first")


async def _named(connection: asyncpg.Connection, phone: str) -> list[EvidenceRow]:
    """The rows of person_events for the person."""
    named: list[EvidenceRow] = await connection.fetch(_SQL["of_person"], phone)
    if not named:
        raise LedgerError(f"--phone: no event names {phone}: check the number and its country code")
    return named


async def _originals(connection: asyncpg.Connection, named: Sequence[EvidenceRow]) -> list[Original]:
    """The webhooks of these rows, in order of events."""
    columns = [[row[name] for row in named] for name in ("retention_class", "occurred_at", "event_key")]
    return _read(await connection.fetch(_SQL["originals"], *columns, timeout=LONGEST_SECONDS))


def _read(rows: Sequence[EvidenceRow]) -> list[Original]:
    """A webhook without a profile is of the one that another webhook of its message names."""
    events = [_event(row) for row in rows]
    of_message = {}
    for event in events:
        if found := _profile_of(event):
            of_message[message_of(event)] = found
    of_message.pop(None, None)
    return [
        Original(event, row, _profile_of(event) or of_message.get(message_of(event), ""))
        for event, row in zip(events, rows, strict=True)
    ]


def _event(row: EvidenceRow) -> Event:
    event = read(row["body"])
    if not isinstance(event, Event):
        raise LedgerError(f"{row['event_key']} is no event any more ({event.reason}): run `telnyx-ledger verify`")
    return event


def _profile_of(event: Event) -> str | None:
    return vendor_id(event.payload.get("messaging_profile_id"))


def message_of(event: Event) -> str | None:
    """The id of the message that an event is about."""
    return vendor_id(event.payload.get("message_id" if event.type == "link_clicked" else "id"))


async def _opt_out_states(
    connection: asyncpg.Connection, phone: str, profiles: Sequence[str], at: datetime | None
) -> list[OptOutState]:
    moment = at or END_OF_TIME
    now = await _states(connection, phone, profiles, moment, END_OF_TIME)
    then = await _states(connection, phone, profiles, moment, moment)
    return [OptOutState(profile, now.get(profile), then.get(profile)) for profile in profiles]


async def _states(
    connection: asyncpg.Connection, phone: str, profiles: Sequence[str], at: datetime, known_at: datetime
) -> dict[str, EvidenceRow]:
    rows = await connection.fetch(_SQL["standing"], phone, profiles, at, known_at)
    return {row["messaging_profile_id"]: row for row in rows}


async def _sent_after_opt_out(
    connection: asyncpg.Connection, phone: str, originals: Sequence[Original], at: datetime | None
) -> dict[str, EvidenceRow]:
    """Rows of opt_out_violations by message."""
    messages = sorted({message for one in originals if (message := message_of(one.event))})
    rows = await connection.fetch(_SQL["sent_after_opt_out"], phone, messages, at or END_OF_TIME)
    return {row["message_id"]: row for row in rows}


def _listed(profiles: Sequence[str]) -> str:
    return ", ".join(profile or "'' (none named)" for profile in profiles)
