"""Facts of 10DLC for the folds, one minute apart; columns that are not given are null."""

from datetime import timedelta
from typing import Any

from tests.support.webhooks.builders import NOON

Fact = dict[str, Any]
COLUMNS = (
    "account", "payload_type", "tcr_event_type", "status", "reason", "campaign_status", "brand_id", "csp_id",
    "is_t_mobile_registered", "brand_name", "identity_status",
)  # fmt: skip


def facts(*said: Fact) -> list[Fact]:
    """Facts one minute apart."""
    return [
        {
            **dict.fromkeys(COLUMNS),
            "occurred_at": NOON + timedelta(minutes=number),
            "event_key": f"key-{number:03}",
            **one,
        }
        for number, one in enumerate(said)
    ]


def kind(name: str | None = None, status: str | None = None, word: str | None = None, **more: Any) -> Fact:
    return {"payload_type": name, "status": status, "tcr_event_type": word, **more}
