"""The rules for a record's key in Kafka: which field of the payload says what an event is about.

A key promises no order. It keeps the events of one thing in one partition (docs/kafka.md).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from schemas.reading.normalize import party, phone, vendor_id


@dataclass(frozen=True, slots=True)
class KeyRule:
    """`find` takes a payload. Where it finds nothing, the key is the event_key.

    `description` is what schemas/asyncapi.yaml says about the key.
    """

    description: str
    find: Callable[[dict[str, Any]], str | None]


SENDER = KeyRule("The sender's number.", lambda payload: party(payload.get("from")))
MESSAGE_ID = KeyRule("The id of the message.", lambda payload: vendor_id(payload.get("id")))
EVENT_KEY = KeyRule("The event_key, which is the ce_id.", lambda _payload: None)


def _ten_dlc(payload: dict[str, Any]) -> str | None:
    return (
        vendor_id(payload.get("campaignId")) or vendor_id(payload.get("brandId")) or phone(payload.get("phoneNumber"))
    )


TEN_DLC_ID = KeyRule("Campaign id, else brand id, else phone number.", _ten_dlc)
