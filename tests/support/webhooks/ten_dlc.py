"""Webhooks of 10DLC for the second computation, and the ids in them."""

from datetime import timedelta
from typing import Any

from tests.support.webhooks import builders
from tests.support.webhooks.builders import NOON, Json

TELNYX, OTHER, TCR, TCR2 = "4b300178-131c-d902-d54e-72d90ba1620j", "other", "C6X6M95", "CNZO3VL"


def fact(minute: float = 0, event_type: str = "10dlc.campaign.update", **payload: Any) -> Json:
    return builders.event(event_type, payload, at=NOON + timedelta(minutes=minute))


def campaign(minute: float = 0, **payload: Any) -> Json:
    return fact(minute, **{"campaignId": TELNYX} | payload)
