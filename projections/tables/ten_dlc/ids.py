"""The ids in a 10DLC webhook, and the links between two ids of one entity (docs/semantics.md, section 7).

Telnyx and the Campaign Registry (TCR) each have an id for a brand or campaign, and webhooks use either. A webhook that
holds both links them. The links of all webhooks determine which entity an id of the registry stands for.
"""

import re
from typing import Any, NamedTuple

from projections.engine.table import Row
from schemas.reading.normalize import phone, text, upper, vendor_id


class FactIds(NamedTuple):
    """The ids of one fact: the columns of ten_dlc_events that determine which entities it touches."""

    entity: str
    phone_number: str | None
    campaign_id: str | None
    tcr_campaign_id: str | None
    links_campaign: bool
    brand_id: str | None
    tcr_brand_id: str | None
    links_brand: bool


SHAPES = {"campaign": re.compile(r"C[0-9A-Z]{5,9}"), "brand": re.compile(r"B[0-9A-Z]{5,9}")}
DESCRIBES_TCR_ID = ("TELNYX_REVIEW", "TCR_EVENT")
_DESCRIBED = re.compile(r"(?:Campaign )?(C(?=[A-Z]*[0-9])[0-9A-Z]{5,9})(?!\w)")


def has_shape(entity: str, name: str) -> bool:
    """Whether an id has the form of the registry's ids. `entity` is `campaign` or `brand`."""
    return SHAPES[entity].fullmatch(name) is not None


def ids(payload: dict[str, Any]) -> Row:
    """The columns of ten_dlc_events that hold ids or describe them."""
    campaign_id, brand_id = vendor_id(payload.get("campaignId")), vendor_id(payload.get("brandId"))
    tcr_campaign_id, tcr_brand_id = vendor_id(payload.get("tcrCampaignId")), vendor_id(payload.get("tcrBrandId"))
    has_field = tcr_campaign_id is not None
    if campaign_id and not has_field:
        tcr_campaign_id = campaign_id if has_shape("campaign", campaign_id) else _described_id(payload)
    return {
        "phone_number": phone(payload.get("phoneNumber")),
        "campaign_id": campaign_id,
        "tcr_campaign_id": tcr_campaign_id,
        "brand_id": brand_id,
        "tcr_brand_id": tcr_brand_id,
        "tcr_id_has_field": has_field,
        "links_campaign": _links("campaign", campaign_id, tcr_campaign_id),
        "links_brand": _links("brand", brand_id, tcr_brand_id),
    }


def _described_id(payload: dict[str, Any]) -> str | None:
    """The id at the beginning of a description such as `C6X6M95 approved by Telnyx`."""
    if upper(payload.get("type")) not in DESCRIBES_TCR_ID:
        return None
    found = _DESCRIBED.match(text(payload.get("description")) or "")
    return found[1] if found else None


def _links(entity: str, telnyx_id: str | None, tcr_id: str | None) -> bool:
    if telnyx_id is None or tcr_id is None:
        return False
    return has_shape(entity, tcr_id) and not has_shape(entity, telnyx_id)
