"""opt_out_events and opt_outs: who said stop or start, and the resulting state (docs/semantics.md, section 6).

Each fact depends on one event. The state of a person is folded from the facts about that person, in SQL. It is the
state that `opt_outs_as_of` gives at the end of time.
"""

import re
import tomllib
import unicodedata
from functools import cache
from importlib.resources import files
from typing import Any

from projections.engine.projection import Projection, Refold, Rows
from projections.engine.table import Row, table
from projections.sql import queries
from projections.tables.deliveries import DEFAULT_STATUS, errors_of, observations
from projections.tables.inbound import message_text
from schemas.families.table import types_of
from schemas.kafka.record import Delivery
from schemas.reading.event import Event
from schemas.reading.normalize import items, parties, party, timestamp, upper, vendor_id

BLOCKED_BY_STOP = "40300"
KEYWORD_MAX_CHARACTERS = 40

OPT_OUT_EVENTS = table(
    "opt_out_events",
    key="event_key uuid, phone_number text",
    constants="""account text, messaging_profile_id text, action text, basis text, keyword text, via_number text,
        telnyx_blocked boolean, occurred_at timestamptz, attempted_at timestamptz, received_at timestamptz""",
)

_AUTORESPONSES = {"STOP": "opt_out", "START": "opt_in", "HELP": "help", "INFO": "help"}
_NOT_A_WORD = re.compile(r"[^a-z0-9]+")


@cache
def _keywords() -> tuple[dict[str, str], tuple[str, ...]]:
    """(action by whole text, phrases that mean opt_out anywhere in a text, in order)."""
    data = tomllib.loads((files("schemas") / "data" / "keywords.toml").read_text())
    whole = {entry: action for action in ("opt_out", "opt_in", "help") for entry in data[action]}
    return whole, tuple(data["contains"])


def match_keyword(written: str) -> tuple[str, str] | None:
    """(action, keyword) of a text that is a request, else None."""
    normal = _NOT_A_WORD.sub(" ", unicodedata.normalize("NFKC", written).lower()).strip()
    whole, phrases = _keywords()
    if normal in whole:
        return whole[normal], normal.upper()
    for phrase in phrases:
        if f" {phrase} " in f" {normal} ":
            return "opt_out", phrase.upper()
    return None


def rows(event: Event, delivery: Delivery) -> Rows:
    """At most one fact for each person that the event is about."""
    facts = _blocked_sends(event) if event.type in DEFAULT_STATUS else _inbound(event)
    for fact in facts:
        row: Row = {
            "event_key": event.key,
            "account": delivery.account,
            "messaging_profile_id": vendor_id(event.payload.get("messaging_profile_id")) or "",
            "occurred_at": event.occurred_at,
            "received_at": delivery.received_at,
            "attempted_at": None,
            **fact,
        }
        yield OPT_OUT_EVENTS, row


def _inbound(event: Event) -> list[Row]:
    payload = event.payload
    person = party(payload.get("from"))
    found = _request(payload) if person else None
    if found is None:
        return []
    action, basis, keyword = found
    return [
        {
            "phone_number": person,
            "action": action,
            "basis": basis,
            "keyword": keyword,
            "via_number": next(iter(parties(payload.get("to"))), None),
            "telnyx_blocked": action == "opt_out" and basis == "autoresponse",
        }
    ]


def _request(payload: dict[str, Any]) -> tuple[str, str, str | None] | None:
    """(action, basis, keyword) of an inbound message, else None.

    The type of the answer that Telnyx sent decides. A custom answer says nothing about consent: then the text decides.
    """
    written = message_text(payload) or ""
    action = _AUTORESPONSES.get(upper(payload.get("autoresponse_type")) or "")
    if action:
        keyword = " ".join(written.split()).upper()
        return action, "autoresponse", keyword if 1 <= len(keyword) <= KEYWORD_MAX_CHARACTERS else None
    matched = match_keyword(written)
    return (matched[0], "keyword", matched[1]) if matched else None


def _blocked_sends(event: Event) -> list[Row]:
    """Facts of sends that Telnyx blocked because the person had opted out: code 40300 of the recipient."""
    payload = event.payload
    recipients = [*items(payload.get("to")), *items(payload.get("cc"))]
    if not payload.get("errors") and not any(isinstance(item, dict) and item.get("error_code") for item in recipients):
        return []  # nearly every event ends here
    errors = errors_of(payload)
    persons = [recipient for recipient, item in observations(event) if recipient and errors.has(BLOCKED_BY_STOP, item)]
    if not persons or vendor_id(payload.get("id")) is None:
        return []
    fact = {
        "action": "opt_out",
        "basis": "blocked_send",
        "keyword": None,
        "via_number": party(payload.get("from")),
        "telnyx_blocked": True,
        "attempted_at": min(timestamp(payload.get("received_at")) or event.occurred_at, event.occurred_at),
    }
    return [{**fact, "phone_number": person} for person in persons]


OPT_OUTS = Projection(
    name="opt_outs",
    version=1,
    event_types=types_of("message-received", "message-delivery"),
    tables=(OPT_OUT_EVENTS,),
    rows=rows,
    refold=Refold(
        facts=OPT_OUT_EVENTS,
        tables=("opt_outs",),
        touched=("messaging_profile_id", "phone_number"),
        lock=queries("opt_outs")["lock_persons"],
        fold=queries("opt_outs")["fold_persons"],
    ),
)
