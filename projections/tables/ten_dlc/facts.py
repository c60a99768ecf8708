"""ten_dlc_events: the fact of each 10DLC webhook about a brand, campaign or number (docs/semantics.md, section 7).

A fact depends on one event and holds everything that the folds need, so they never read a body. `refold` computes the
other tables from the facts.
"""

from typing import Any

from projections.engine.projection import Projection, Refold, Rows
from projections.engine.table import Row, table
from projections.sql import queries
from projections.tables.exact_json import exact_json
from projections.tables.ten_dlc.ids import FactIds, ids
from projections.tables.ten_dlc.refold import refold
from schemas.families.table import types_on
from schemas.kafka.record import Delivery
from schemas.reading.event import Event
from schemas.reading.normalize import items, text, upper, vendor_id

TEN_DLC_EVENTS = table(
    "ten_dlc_events",
    key="event_key uuid",
    constants="""account text, entity text, brand_id text, campaign_id text, tcr_campaign_id text, phone_number text,
        payload_type text, tcr_event_type text, status text, description text, reasons jsonb, csp_id text,
        nudge_intent text, occurred_at timestamptz, tcr_brand_id text, brand_name text, identity_status text,
        campaign_status text, is_t_mobile_registered boolean, reason text, tcr_id_has_field boolean,
        links_campaign boolean, links_brand boolean""",
)


def rows(event: Event, delivery: Delivery) -> Rows:
    """The fact of an event. An event that names no brand, campaign or number has none."""
    named = ids(event.payload)
    entity = _entity(named)
    if entity is not None:
        reasons = exact_json(lambda payload: items(payload.get("reasons")), event, delivery.body)
        key = {"event_key": event.key, "account": delivery.account, "occurred_at": event.occurred_at}
        yield TEN_DLC_EVENTS, {**key, "entity": entity, **named, "reasons": reasons, **_statements(event.payload)}


def _entity(named: Row) -> str | None:
    """The kind of entity, decided by the ids alone, because Telnyx sends brand events as campaign updates."""
    if named["phone_number"]:
        return "phone_number"
    if named["campaign_id"] or named["tcr_campaign_id"]:
        return "campaign"
    return "brand" if named["brand_id"] or named["tcr_brand_id"] else None


def _statements(payload: dict[str, Any]) -> Row:
    get = payload.get
    registered = get("isTMobileRegistered")
    return {
        "payload_type": text(get("type")),
        "tcr_event_type": text(get("eventType")),
        "status": text(get("status")),
        "description": text(get("description")),
        "csp_id": vendor_id(get("cspId")),
        "nudge_intent": text(get("nudgeIntent")),
        "brand_name": text(get("brandName")),
        "identity_status": upper(get("brandIdentityStatus")) or upper(get("identityStatus")),
        "campaign_status": upper(get("campaignStatus")),
        "is_t_mobile_registered": registered if isinstance(registered, bool) else None,
        "reason": reason_text(payload),
    }


def reason_text(payload: dict[str, Any]) -> str | None:
    """The reasons as a sentence for people, else the rejection reason, else the description."""
    words = [word for word in map(_reason, items(payload.get("reasons"))) if word]
    return "; ".join(words) or text(payload.get("rejectionReason")) or text(payload.get("description"))


def _reason(reason: Any) -> str | None:
    if not isinstance(reason, dict):
        return text(reason)
    words = text(reason.get("description"))
    fields = ", ".join(field for field in map(text, items(reason.get("fields"))) if field)
    return f"{fields}: {words}" if fields and words else words


TEN_DLC = Projection(
    name="ten_dlc",
    version=1,
    event_types=types_on("10dlc"),
    tables=(TEN_DLC_EVENTS,),
    rows=rows,
    refold=Refold(
        facts=TEN_DLC_EVENTS,
        tables=("ten_dlc_aliases", "brands", "campaigns", "campaign_transitions", "campaign_numbers"),
        touched=FactIds._fields,
        lock=queries("ten_dlc")["lock"],
        fold=refold,
    ),
)
