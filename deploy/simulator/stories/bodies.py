"""Payloads of message webhooks in the shape of the vendor's samples. The stories choose the values that vary."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from deploy.simulator.webhook import FAILOVER_URL, PRIMARY_URL, Webhook
from deploy.simulator.world import RATE, Person, Profile, World

UNIT = Decimal("0.00001")  # of a dollar: the unit of amounts in world.py


@dataclass(frozen=True, slots=True)
class Message:
    """The fields of an outbound message that all its webhooks share."""

    id: str
    profile: Profile
    sender: str
    sender_line_type: str
    recipient: Person
    text: str
    queued_at: datetime
    tags: tuple[str, ...]


def stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def event(world: World, event_type: str, occurred_at: datetime, payload: dict[str, Any]) -> dict[str, Any]:
    """The object `data` of a webhook."""
    return {
        "event_type": event_type,
        "id": world.new_id(),
        "occurred_at": stamp(occurred_at),
        "payload": payload,
        "record_type": "event",
    }


def notice(world: World, event_type: str, payload: dict[str, Any]) -> Webhook:
    """A webhook that occurs now, named after the last word of its event type."""
    return Webhook(event_type.rpartition(".")[2], event(world, event_type, world.clock(), payload))


def coding(text: str) -> tuple[str, int]:
    """Encoding and parts (3GPP TS 23.038: 160 or 153 septets, 70 or 67 UTF-16 units). Latin-1 stands for GSM-7."""
    if all(ord(character) < 256 for character in text):
        return "GSM-7", 1 if len(text) <= 160 else -(-len(text) // 153)
    units = len(text.encode("utf-16-be")) // 2
    return "UCS-2", 1 if units <= 70 else -(-units // 67)


def outbound(world: World, message: Message, status: str, **changes: Any) -> dict[str, Any]:
    """The payload of an outbound message. `changes` add or replace fields for this event."""
    encoding, parts = coding(message.text)
    campaign = message.profile.tcr_campaign_id if message.sender_line_type == "long_code" else None
    payload: dict[str, Any] = {
        "completed_at": None,
        "cost": {"amount": str((RATE + message.recipient.carrier_fee) * parts * UNIT), "currency": "USD"},
        "direction": "outbound",
        "encoding": encoding,
        "errors": [],
        "from": {"carrier": "Telnyx", "line_type": "Wireless", "phone_number": message.sender},
        "id": message.id,
        "media": [],
        "messaging_profile_id": message.profile.id,
        "organization_id": world.organization_id,
        "parts": parts,
        "received_at": stamp(message.queued_at),
        "record_type": "message",
        "sent_at": None,
        "tags": list(message.tags),
        "text": message.text,
        "to": [recipient(message.recipient, status)],
        "type": "SMS",
        "valid_until": None,
        "webhook_failover_url": FAILOVER_URL,
        "webhook_url": PRIMARY_URL,
    }
    if campaign:
        payload |= {"tcr_campaign_billable": True, "tcr_campaign_id": campaign, "tcr_campaign_registered": "REGISTERED"}
    return payload | changes


def cost_breakdown(message: Message) -> dict[str, Any]:
    parts = coding(message.text)[1]
    return {
        "carrier_fee": {"amount": str(message.recipient.carrier_fee * parts * UNIT), "currency": "USD"},
        "rate": {"amount": str(RATE * parts * UNIT), "currency": "USD"},
    }


def recipient(person: Person, status: str) -> dict[str, Any]:
    return {"carrier": person.carrier, "line_type": "Wireless", "phone_number": person.phone_number, "status": status}


def inbound(world: World, profile: Profile, person: Person, text: str | None, **changes: Any) -> dict[str, Any]:
    """The payload of a message that a person wrote to the first number of the profile."""
    encoding, parts = coding(text or "")
    payload: dict[str, Any] = {
        "autoresponse_type": None,
        "completed_at": None,
        "cost": {"amount": "0.0000", "currency": "USD"},
        "direction": "inbound",
        "encoding": encoding,
        "errors": [],
        "from": {"carrier": person.carrier, "line_type": "Wireless", "phone_number": person.phone_number},
        "id": world.new_id(),
        "media": [],
        "messaging_profile_id": profile.id,
        "organization_id": world.organization_id,
        "parts": parts,
        "received_at": stamp(world.clock()),
        "record_type": "message",
        "sent_at": None,
        "tags": [],
        "text": text,
        "to": [
            {
                "carrier": "Telnyx",
                "line_type": "Wireless",
                "phone_number": profile.numbers[0][0],
                "status": "webhook_delivered",
            }
        ],
        "type": "SMS",
        "valid_until": None,
        "webhook_failover_url": None,
        "webhook_url": PRIMARY_URL,
    }
    return payload | changes
