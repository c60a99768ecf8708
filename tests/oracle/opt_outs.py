"""docs/semantics.md, section 6: facts first (opt_out_events), then the state of each person as of any moment."""

import re
import unicodedata
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tests.oracle.bodies import Event
from tests.oracle.deliveries import observations
from tests.oracle.inbound import message_text
from tests.oracle.rows import Row, Rows
from tests.oracle.values import id_, parties, party, time, upper

AUTORESPONSES = {"STOP": "opt_out", "START": "opt_in", "HELP": "help", "INFO": "help"}
WHOLE_TEXT = {
    "opt_out": (
        *("stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit"),
        *("revoke", "opt out", "optout"),
        *("please stop", "stop please"),
    ),
    "opt_in": ("start", "unstop"),
    "help": ("help",),
}
CONTAINED = (
    *("unsubscribe", "revoke", "opt out", "optout", "opt me out"),
    *("stop texting", "stop messaging", "stop contacting", "stop sending"),
)


@dataclass(frozen=True)
class Fact:
    """A row of opt_out_events, with what the fold needs besides its columns."""

    event: Event
    phone_number: str
    action: str
    basis: str
    keyword: str | None
    via_number: str | None

    @property
    def profile(self) -> str:
        return id_(self.event.p.get("messaging_profile_id")) or ""

    @property
    def telnyx_blocked(self) -> bool:
        return self.action == "opt_out" and self.basis in {"autoresponse", "blocked_send"}

    @property
    def attempt(self) -> datetime:
        """When the refused send was tried."""
        tried = time(self.event.p.get("received_at"))
        return self.event.occurred_at if tried is None else min(tried, self.event.occurred_at)


def facts(events: Sequence[Event]) -> list[Fact]:
    found = [fact for event in events for fact in [*_from_inbound(event), *_from_refused_sends(event)]]
    # One event may name a person twice; the facts are equal, and the row is one.
    return list({(fact.event.key, fact.phone_number): fact for fact in found}.values())


def _from_inbound(event: Event) -> list[Fact]:
    person = party(event.p.get("from"))
    if event.type != "message.received" or person is None:
        return []
    via_number = next(iter(parties(event.p.get("to"))), None)
    written = message_text(event.p) or ""
    action = AUTORESPONSES.get(upper(event.p.get("autoresponse_type")) or "")
    if action is not None:
        return [Fact(event, person, action, "autoresponse", _as_written(written), via_number)]
    matched = match(written)
    if matched is None:
        return []
    return [Fact(event, person, matched[0], "keyword", matched[1], via_number)]


def _as_written(written: str) -> str | None:
    """The keyword of an auto-response: 1 to 40 characters as they stand in the column, else nothing."""
    keyword = " ".join(written.split()).upper()
    return keyword if 1 <= len(keyword) <= 40 else None


def match(written: str) -> tuple[str, str] | None:
    """(action, keyword) that a text means."""
    folded = unicodedata.normalize("NFKC", written).lower()
    normal = re.sub(r"[^a-z0-9]+", " ", folded).strip()
    for action, entries in WHOLE_TEXT.items():
        if normal in entries:
            return (action, normal.upper())
    for entry in CONTAINED:
        if f" {entry} " in f" {normal} ":
            return ("opt_out", entry.upper())
    return None


def _from_refused_sends(event: Event) -> list[Fact]:
    return [
        Fact(event, seen.recipient, "opt_out", "blocked_send", None, party(event.p.get("from")))
        for seen in observations(event)
        if seen.recipient and "40300" in seen.error_codes
    ]


def opt_out_events(events: Sequence[Event]) -> Rows:
    return {
        (fact.event.key, fact.phone_number): {
            "event_key": fact.event.key,
            "account": fact.event.account,
            "messaging_profile_id": fact.profile,
            "phone_number": fact.phone_number,
            "action": fact.action,
            "basis": fact.basis,
            "keyword": fact.keyword,
            "via_number": fact.via_number,
            "telnyx_blocked": fact.telnyx_blocked,
            "occurred_at": fact.event.occurred_at,
        }
        for fact in facts(events)
    }


def opt_outs(events: Sequence[Event]) -> Rows:
    persons = defaultdict(list)
    for fact in facts(events):
        persons[fact.profile, fact.phone_number].append(fact)
    return {person: row for person, known in persons.items() if (row := _state(known)) is not None}


def opt_outs_as_of(events: Sequence[Event], at: datetime, known_at: datetime | None = None) -> Rows:
    """The rows that the events up to `at`, as far as they were received up to `known_at`, give."""
    return opt_outs(
        [
            event
            for event in events
            if event.occurred_at <= at and (known_at is None or event.delivery.received_at <= known_at)
        ]
    )


def _state(known: list[Fact]) -> Row | None:
    counted = _counted(sorted(known, key=lambda fact: fact.event.order))
    if not counted:
        return None
    last = counted[-1]
    first = len(counted) - 1
    while first > 0 and counted[first - 1].action == last.action:
        first -= 1
    deciding = counted[first]
    shown = [fact.telnyx_blocked for fact in counted if fact.basis != "keyword"]
    return {
        "messaging_profile_id": deciding.profile,
        "phone_number": deciding.phone_number,
        "account": deciding.event.account,
        "opted_out": last.action == "opt_out",
        "changed_at": deciding.event.occurred_at,
        "basis": deciding.basis,
        "keyword": deciding.keyword,
        "via_number": deciding.via_number,
        "telnyx_blocked": shown[-1] if shown else False,
        "last_event_key": deciding.event.key,
    }


def _counted(ordered: list[Fact]) -> list[Fact]:
    """Without help, and without refused sends that were tried before a consent that precedes them."""
    # Ambiguous: where received_at is missing or not earlier, the attempt is the event's own time; an opt_in at that
    # very time, with the smaller event_key, then outweighs the refused send.
    counted = []
    for position, fact in enumerate(ordered):
        consents = [before for before in ordered[:position] if before.action == "opt_in"]
        is_outdated = any(consent.event.occurred_at >= fact.attempt for consent in consents)
        if fact.action == "help" or (fact.basis == "blocked_send" and is_outdated):
            continue
        counted.append(fact)
    return counted


def deciding_event(events: Sequence[Event], profile: str, phone_number: str, at: datetime) -> uuid.UUID | None:
    """The event whose evidence opt_out_evidence(profile, phone, at) shows."""
    row = opt_outs_as_of(events, at).get((profile, phone_number))
    return None if row is None else uuid.UUID(str(row["last_event_key"]))
