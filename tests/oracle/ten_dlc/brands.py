"""docs/semantics.md, section 7, brands and campaign_numbers: each column from the latest fact that states it."""

from collections import defaultdict
from collections.abc import Sequence

from tests.oracle.bodies import Event
from tests.oracle.rows import Row, Rows
from tests.oracle.ten_dlc.facts import Fact, facts
from tests.oracle.ten_dlc.ids import Ids
from tests.oracle.values import jsonb, latest, list_, text, upper

# Per word: where the status is SUCCESS or missing, where it is FAILED.
VETTING = {
    "ORDER_EXTERNAL_VETTING": ("VETTING_ORDERED", "VETTING_ORDER_FAILED"),
    "REVET": ("REVET_REQUESTED", "REVET_FAILED"),
    "BRAND_REVET": ("REVET_COMPLETED", "REVET_FAILED"),
    "BRAND_APPEAL_ADD": ("APPEAL_PENDING", "APPEAL_FAILED"),
    "BRAND_APPEAL_COMPLETE": ("APPEAL_COMPLETED", "APPEAL_FAILED"),
}
# Per type and status.
NUMBER_STATUS: dict[tuple[str | None, str | None], str] = {
    ("ASSIGNMENT", "SUCCESS"): "ASSIGNED",
    ("ASSIGNMENT", "FAILED"): "FAILED_ASSIGNMENT",
    ("DELETION", "SUCCESS"): "UNASSIGNED",
    ("DELETION", "FAILED"): "FAILED_UNASSIGNMENT",
    ("STATUS_UPDATE", "ADDED"): "ASSIGNED",
    ("STATUS_UPDATE", "PENDING"): "PENDING",
    ("STATUS_UPDATE", "DELETED"): "UNASSIGNED",
    ("STATUS_UPDATE", "FAILED"): "FAILED",
    (None, "ADDED"): "ASSIGNED",
    (None, "PENDING"): "PENDING",
    (None, "DELETED"): "UNASSIGNED",
    (None, "FAILED"): "FAILED",
}


def brands(events: Sequence[Event]) -> Rows:
    found = facts(events)
    ids, of_key = Ids(found), defaultdict(list)
    for fact in found:
        key = ids.brand_key(fact)
        if fact.entity == "brand" and key is not None:
            of_key[key].append(fact)
    return {(key,): _brand(key, its_facts, ids) for key, its_facts in of_key.items()}


def _brand(key: str, its_facts: Sequence[Fact], ids: Ids) -> Row:
    last = its_facts[-1]
    return {
        "brand_id": key,
        "account": last.event.account,
        "tcr_brand_id": ids.tcr_id("brand", key),
        "name": latest(text(fact.p.get("brandName")) for fact in its_facts),
        "registration_status": latest(map(_registration, its_facts)),
        "identity_status": latest(map(_identity, its_facts)),
        "vetting_status": latest(map(_vetting, its_facts)),
        "last_reason": latest(fact.reason for fact in its_facts if fact.status == "FAILED"),
        "updated_event_at": last.event.occurred_at,
        "last_event_key": last.event.key,
    }


def _registration(fact: Fact) -> str | None:
    match fact.word, fact.status:
        case ("REGISTRATION" | "BRAND_ADD", "SUCCESS") | ("BRAND_ADD", None):
            return "OK"
        case ("REGISTRATION" | "BRAND_ADD", "FAILED"):
            return "REGISTRATION_FAILED"
    return None


def _identity(fact: Fact) -> str | None:
    # Ambiguous: the two fields are compared within each fact alone; a later identityStatus wins over an earlier
    # brandIdentityStatus.
    return upper(fact.p.get("brandIdentityStatus")) or upper(fact.p.get("identityStatus"))


def _vetting(fact: Fact) -> str | None:
    well, failed = VETTING.get(fact.word or "", (None, None))
    return {"SUCCESS": well, None: well, "FAILED": failed}.get(fact.status)


def campaign_numbers(events: Sequence[Event]) -> Rows:
    found = facts(events)
    ids = Ids(found)
    rows: Rows = {}
    for fact in found:
        key = ids.campaign_key(fact)
        status = NUMBER_STATUS.get((fact.type, fact.status or ""))
        if fact.entity == "phone_number" and key is not None and status is not None:
            rows[fact.phone_number, key] = _number(fact, key, status, ids)
    return rows


def _number(fact: Fact, key: str, status: str, ids: Ids) -> Row:
    return {
        "phone_number": fact.phone_number,
        "campaign_id": key,
        "account": fact.event.account,
        "tcr_campaign_id": ids.tcr_id("campaign", key),
        "status": status,
        "reasons": jsonb(list_(fact.p.get("reasons"))),
        "status_at": fact.event.occurred_at,
        "last_event_key": fact.event.key,
    }
