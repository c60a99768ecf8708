"""The dossier of one person, read in one snapshot: every stored event that names the person, and their opt-out state.

An event names a person as the sender of an inbound message, as a recipient, as copied in, or as the opener of a link
(tables/persons.py). A messaging profile limits the dossier, and so does a moment: to what had occurred by then.
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
    """A webhook as stored. `profile` is '' if neither it nor another webhook of its message names one."""

    row: EvidenceRow
    profile: str
    message: str | None

    @property
    def event(self) -> Event:
        """The event, read from the body again: it takes ten times the memory of its body."""
        return _event(self.row)

    @property
    def key(self) -> str:
        """The stored event_key. It is that of the body, unless the stored body was changed."""
        return str(self.row["event_key"])


@dataclass(frozen=True, slots=True)
class OptOutState:
    """Rows of `opt_outs_as_of` for one profile at the moment: by what is known now, and by what was known then."""

    profile: str
    now: EvidenceRow | None
    then: EvidenceRow | None


@dataclass(frozen=True, slots=True)
class Dossier:
    """One person, at the moment `at`, or by everything that is known if it is None.

    `proofs` are by event_key, for the events that a seal covers. Events that are left out are counted: `later` than the
    moment, `in_other_profiles`, and `missing` from the store. `dead_letters` counts those of the projections in FEEDS.
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
    """Reads the dossier. `phone` is spelled as in the tables.

    Raises LedgerError for a person or profile that no event names. Also for tables that wait for a rebuild, because
    they may miss events.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute("set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0")
        await _refuse_gaps(connection)
        named = await _named(connection, phone)
        everything = await _originals(connection, named)
        profiles = sorted({original.profile for original in everything})
        if profile is not None and profile not in profiles:
            raise LedgerError(f"--profile: no webhook of {phone} has profile {profile!r}; found {_listed(profiles)}")
        of_profile = [original for original in everything if profile in (None, original.profile)]
        originals = [original for original in of_profile if at is None or original.row["occurred_at"] <= at]
        positions = {original.key: original.row["position"] for original in originals}
        seals = await seals_from(connection, [*positions.values()])
        proven, broken = await proofs(connection, seals, positions)
        signed_by = {original.row["key_id"] for original in originals}
        return Dossier(
            phone=phone,
            profile=profile,
            at=at,
            made_at=await connection.fetchval("select now()"),
            originals=originals,
            opt_out_states=await _opt_out_states(connection, phone, profiles if profile is None else [profile], at),
            sent_after_opt_out=await _sent_after_opt_out(connection, phone, originals, at),
            keys=[(key, seen) for key, seen in await remembered_keys(connection) if key.key_id in signed_by],
            seals=seals,
            proofs=proven,
            broken_seals=broken,
            later=len(of_profile) - len(originals),
            in_other_profiles=len(everything) - len(of_profile),
            missing=len(named) - len(everything),
            dead_letters=await connection.fetchval(_SQL["dead_letters"], [projection.name for projection in FEEDS]),
        )


async def _refuse_gaps(connection: asyncpg.Connection) -> None:
    lacking = {projection.name for projection in FEEDS} & set(await suspended_projections(connection))
    lacking |= set(await rebuilds_due(connection, FEEDS))
    if lacking:
        names = " ".join(projection.name for projection in FEEDS if projection.name in lacking)
        raise LedgerError(f"the tables of {names} may miss events: run `telnyx-ledger rebuild {names}` first")


async def _named(connection: asyncpg.Connection, phone: str) -> list[EvidenceRow]:
    named: list[EvidenceRow] = await connection.fetch(_SQL["of_person"], phone)
    if not named:
        raise LedgerError(f"--phone: no event names {phone}: check the number and its country code")
    return named


async def _originals(connection: asyncpg.Connection, named: Sequence[EvidenceRow]) -> list[Original]:
    """The webhooks of these rows, in the order of events."""
    columns = [[row[name] for row in named] for name in ("retention_class", "occurred_at", "event_key")]
    rows = await connection.fetch(_SQL["originals"], *columns, timeout=LONGEST_SECONDS)
    by_row: list[tuple[str | None, str | None]] = []  # message and profile
    for row in rows:
        event = _event(row)
        by_row.append((message_of(event), _profile_of(event)))
    # A webhook without a profile gets the one that another webhook of its message names.
    of_message = {message: profile for message, profile in by_row if message and profile}
    return [
        Original(row, profile or of_message.get(message or "", ""), message)
        for row, (message, profile) in zip(rows, by_row, strict=True)
    ]


def _event(row: EvidenceRow) -> Event:
    event = read(row["body"])
    if not isinstance(event, Event):
        raise LedgerError(f"{row['event_key']} is not an event any more ({event.reason}): run `telnyx-ledger verify`")
    return event


def _profile_of(event: Event) -> str | None:
    return vendor_id(event.payload.get("messaging_profile_id"))


def message_of(event: Event) -> str | None:
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
    messages = sorted({message for original in originals if (message := original.message)})
    rows = await connection.fetch(_SQL["sent_after_opt_out"], phone, messages, at or END_OF_TIME)
    return {row["message_id"]: row for row in rows}


def _listed(profiles: Sequence[str]) -> str:
    return ", ".join(profile or "'' (none named)" for profile in profiles)
