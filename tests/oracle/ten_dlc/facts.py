"""docs/semantics.md, section 7, ten_dlc_events: the fact of one 10DLC event, without any other event."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tests.oracle.bodies import Event
from tests.oracle.rows import Row, Rows
from tests.oracle.values import id_, jsonb, list_, member, phone, text, upper

FAMILY = ("10dlc.", "brand.", "campaign.")
# Ambiguous: `C` is the letter of campaigns and `B` that of brands, so that a campaignId `B…` is not a TCR id.
SHAPE = {"campaign": re.compile(r"C[0-9A-Z]{5,9}"), "brand": re.compile(r"B[0-9A-Z]{5,9}")}
# Ambiguous: "letter" and "digit" are those of Unicode.
IN_DESCRIPTION = re.compile(r"(?:Campaign )?(?P<id>C[0-9A-Z]{5,9})(?!\w)")


def has_shape(entity: str, value: str | None) -> bool:
    """Whether it has the shape of a TCR id of a campaign or a brand."""
    return value is not None and SHAPE[entity].fullmatch(value) is not None


@dataclass(frozen=True)
class Fact:
    """A row of ten_dlc_events, with what the folds need besides its columns."""

    event: Event
    entity: str

    @property
    def p(self) -> dict[str, object]:
        return self.event.p

    @property
    def order(self) -> tuple[datetime, UUID]:
        return self.event.order

    @property
    def type(self) -> str | None:
        return upper(self.p.get("type"))

    @property
    def word(self) -> str | None:
        return upper(self.p.get("eventType")) or self.type

    @property
    def status(self) -> str | None:
        return upper(self.p.get("status"))

    @property
    def brand_id(self) -> str | None:
        return id_(self.p.get("brandId"))

    @property
    def tcr_brand_id(self) -> str | None:
        return id_(self.p.get("tcrBrandId"))

    @property
    def campaign_id(self) -> str | None:
        return id_(self.p.get("campaignId"))

    @property
    def own_tcr_campaign_id(self) -> str | None:
        """The id that a field gives."""
        return id_(self.p.get("tcrCampaignId"))

    @property
    def tcr_campaign_id(self) -> str | None:
        if self.own_tcr_campaign_id is not None:
            return self.own_tcr_campaign_id
        if has_shape("campaign", self.campaign_id):
            return self.campaign_id
        if self.campaign_id is not None and self.type in {"TELNYX_REVIEW", "TCR_EVENT"}:
            return described_id(text(self.p.get("description")) or "")
        return None

    @property
    def phone_number(self) -> str | None:
        return phone(self.p.get("phoneNumber"))

    @property
    def reason(self) -> str | None:
        """The reason text."""
        given = [line for line in map(_reason_line, list_(self.p.get("reasons"))) if line is not None]
        return "; ".join(given) or text(self.p.get("rejectionReason")) or text(self.p.get("description"))


def described_id(description: str) -> str | None:
    """The TCR id that a description begins with."""
    found = IN_DESCRIPTION.match(description)
    return found["id"] if found and re.search("[0-9]", found["id"]) else None


def _reason_line(reason: object) -> str | None:
    # Ambiguous: an object without a description says nothing, whatever its fields; `fields` is read by `list`, its
    # strings by `text`.
    description = text(member(reason, "description"))
    if description is None:
        return text(reason)
    fields = [name for name in map(text, list_(member(reason, "fields"))) if name is not None]
    return f"{', '.join(fields)}: {description}" if fields else description


def _entity(p: dict[str, object]) -> str | None:
    if phone(p.get("phoneNumber")):
        return "phone_number"
    if id_(p.get("campaignId")) or id_(p.get("tcrCampaignId")):
        return "campaign"
    return "brand" if id_(p.get("brandId")) or id_(p.get("tcrBrandId")) else None


def facts(events: Sequence[Event]) -> list[Fact]:
    """In the order of events."""
    named = [
        Fact(event, entity)
        for event in events
        if event.type.startswith(FAMILY) and (entity := _entity(event.p)) is not None
    ]
    return sorted(named, key=lambda fact: fact.order)


def ten_dlc_events(events: Sequence[Event]) -> Rows:
    return {(fact.event.key,): _row(fact) for fact in facts(events)}


def _row(fact: Fact) -> Row:
    return {
        "event_key": fact.event.key,
        "account": fact.event.account,
        "entity": fact.entity,
        "brand_id": fact.brand_id,
        "campaign_id": fact.campaign_id,
        "tcr_campaign_id": fact.tcr_campaign_id,
        "phone_number": fact.phone_number,
        "payload_type": text(fact.p.get("type")),
        "tcr_event_type": text(fact.p.get("eventType")),
        "status": text(fact.p.get("status")),
        "description": text(fact.p.get("description")),
        "reasons": jsonb(list_(fact.p.get("reasons"))),
        "csp_id": id_(fact.p.get("cspId")),
        "nudge_intent": text(fact.p.get("nudgeIntent")),
        "occurred_at": fact.event.occurred_at,
    }
