"""Realistic webhook bodies and their signatures. The same arguments give the same bytes.

A builder returns the webhook as a dict, which a test can change in one place; `encode` makes the signed bytes.
Nothing here is imported from the product: sent bytes must not depend on the code that reads them.
"""

import base64
import copy
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from nacl.signing import SigningKey

Json = dict[str, Any]

KEY = SigningKey(hashlib.sha256(b"telnyx-ledger test key").digest())
OTHER_KEY = SigningKey(hashlib.sha256(b"telnyx-ledger other test key").digest())
ACCOUNT = "default"
PROFILE = "740572b6-099c-44a1-89b9-6c92163bc68d"
OUR_NUMBER = "+18445550001"
PERSON = "+13125550001"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


# --- keys and signatures ---------------------------------------------------------------------------------------------


def sign(body: bytes, signed_timestamp: int | str, key: SigningKey = KEY) -> bytes:
    """The 64 raw bytes of Telnyx's signature: Ed25519 over timestamp, a bar, and the body."""
    return bytes(key.sign(str(signed_timestamp).encode() + b"|" + body).signature)


def signed_headers(body: bytes, signed_timestamp: int | str, key: SigningKey = KEY) -> dict[str, str]:
    """The HTTP headers of a genuine webhook."""
    return {
        "content-type": "application/json",
        "user-agent": "telnyx-webhooks",
        "telnyx-timestamp": str(signed_timestamp),
        "telnyx-signature-ed25519": base64.b64encode(sign(body, signed_timestamp, key)).decode(),
    }


def public_key(key: SigningKey = KEY) -> bytes:
    """The 32 bytes of the public key."""
    return bytes(key.verify_key)


def public_key_setting(key: SigningKey = KEY, account: str = ACCOUNT) -> str:
    """An item of TELNYX_PUBLIC_KEYS."""
    return f"{account}:{base64.b64encode(public_key(key)).decode()}"


def key_id(key: SigningKey = KEY) -> str:
    """The first 16 hex digits of SHA-256 of the public key."""
    return hashlib.sha256(public_key(key)).hexdigest()[:16]


# --- the envelope ----------------------------------------------------------------------------------------------------


def encode(webhook: object) -> bytes:
    """The bytes of a webhook as Telnyx writes them: pretty-printed, text in UTF-8."""
    return json.dumps(webhook, indent=2, ensure_ascii=False).encode()


def moment(at: datetime) -> str:
    """A time in the vendor's usual format, with milliseconds and an offset."""
    return at.isoformat(timespec="milliseconds")


def event(event_type: str, payload: object, *, at: datetime = NOON, event_id: str | None = None) -> Json:
    """The envelope around a payload; without `event_id`, one that follows from type, time and payload."""
    if event_id is None:
        seed = json.dumps([event_type, moment(at), payload], sort_keys=True, default=str)
        event_id = identifier(seed)
    data = {
        "event_type": event_type,
        "id": event_id,
        "occurred_at": moment(at),
        "payload": payload,
        "record_type": "event",
    }
    return {"data": data, "meta": {"attempt": 1, "delivered_to": "https://example.com/webhooks/telnyx"}}


def again(webhook: Json, attempt: int = 2) -> Json:
    """A further delivery of the same event: other bytes, equal `data`."""
    repeated = copy.deepcopy(webhook)
    repeated["meta"] = {"attempt": attempt, "delivered_to": "https://example.com/failover"}
    return repeated


def identifier(seed: str) -> str:
    """An id in the vendor's format that follows from the seed."""
    digits = hashlib.sha256(seed.encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:32]}"


# --- messages --------------------------------------------------------------------------------------------------------


def recipient(number: str = PERSON, status: str | None = None, **more: object) -> Json:
    """One item of `payload.to` of an outbound message."""
    item: Json = {"phone_number": number, "carrier": "T-MOBILE USA, INC.", "line_type": "Wireless"}
    if status is not None:
        item["status"] = status
    return item | more


def outbound(message_id: str, to: Sequence[Any], *, at: datetime = NOON) -> Json:
    """The payload of a message that we sent, accepted by Telnyx at `at`."""
    return {
        "id": message_id,
        "record_type": "message",
        "direction": "outbound",
        "type": "SMS",
        "messaging_profile_id": PROFILE,
        "from": {"phone_number": OUR_NUMBER, "carrier": "Telnyx", "line_type": "VoIP"},
        "to": list(to),
        "cc": [],
        "text": "Your appointment is tomorrow at nine.",
        "media": [],
        "encoding": "GSM-7",
        "parts": 1,
        "tags": ["reminder"],
        "tcr_campaign_id": "CNZO3VL",
        "cost": {"amount": "0.0051", "currency": "USD"},
        "cost_breakdown": {
            "carrier_fee": {"amount": "0.00305", "currency": "USD"},
            "rate": {"amount": "0.00205", "currency": "USD"},
        },
        "received_at": moment(at),
        "sent_at": None,
        "completed_at": None,
        "errors": [],
    }


def message_sent(
    message_id: str = "msg-1", number: str = PERSON, *, at: datetime = NOON, status: str = "sent", **more: object
) -> Json:
    """`message.sent`, 300 ms after Telnyx accepted the message; `more` replaces payload fields."""
    sent_at = at + timedelta(milliseconds=300)
    fields: Json = {"sent_at": moment(sent_at)} | more
    payload = outbound(message_id, [recipient(number, status)], at=at) | fields
    return event("message.sent", payload, at=sent_at)


def message_finalized(
    message_id: str = "msg-1", number: str = PERSON, *, at: datetime = NOON, status: str = "delivered", **more: object
) -> Json:
    """`message.finalized` of a message that Telnyx accepted at `at`; `more` replaces payload fields."""
    sent_at, completed_at = at + timedelta(milliseconds=300), at + timedelta(seconds=2)
    fields: Json = {"sent_at": moment(sent_at), "completed_at": moment(completed_at)} | more
    payload = outbound(message_id, [recipient(number, status)], at=at) | fields
    return event("message.finalized", payload, at=completed_at)


def message_read(
    message_id: str = "msg-1", number: str = PERSON, *, at: datetime = NOON, status: str = "read", **more: object
) -> Json:
    """`message.read` (RCS only), a minute after Telnyx accepted the message."""
    fields: Json = {"type": "RCS", "from": {"agent_id": "e4448a5c0670c2a9", "agent_name": "Agent"}} | more
    payload = outbound(message_id, [recipient(number, status)], at=at) | fields
    return event("message.read", payload, at=at + timedelta(minutes=1))


def send_refused(message_id: str = "msg-1", number: str = PERSON, *, at: datetime = NOON, **more: object) -> Json:
    """A send that Telnyx refused because the person had opted out (40300)."""
    error = {"code": "40300", "title": "Blocked due to STOP message", "detail": "The recipient opted out."}
    fields: Json = {"errors": [error], "cost": None, "cost_breakdown": None, "sent_at": None} | more
    return message_finalized(message_id, number, at=at, status="sending_failed", **fields)


def message_received(
    message_id: str = "in-1", sender: str = PERSON, text: str | None = "Hello", *, at: datetime = NOON, **more: object
) -> Json:
    """An ordinary message from a person to us."""
    payload: Json = {
        "id": message_id,
        "record_type": "message",
        "direction": "inbound",
        "type": "SMS",
        "messaging_profile_id": PROFILE,
        "from": {"phone_number": sender, "carrier": "Verizon Wireless", "line_type": "Wireless"},
        "to": [{"phone_number": OUR_NUMBER, "carrier": "Telnyx", "line_type": "VoIP", "status": "webhook_delivered"}],
        "cc": [],
        "text": text,
        "media": [],
        "encoding": "GSM-7",
        "parts": 1,
        "tags": [],
        "cost": None,
        "autoresponse_type": None,
        "received_at": moment(at),
        "errors": [],
    }
    return event("message.received", payload | more, at=at)


def stop_received(message_id: str = "in-stop", sender: str = PERSON, *, at: datetime = NOON, **more: object) -> Json:
    """STOP, answered by Telnyx's own auto-response."""
    return message_received(message_id, sender, "STOP", at=at, **({"autoresponse_type": "STOP"} | more))


def start_received(message_id: str = "in-start", sender: str = PERSON, *, at: datetime = NOON, **more: object) -> Json:
    """START, answered by Telnyx's own auto-response."""
    return message_received(message_id, sender, "START", at=at, **({"autoresponse_type": "START"} | more))


# --- everything else -------------------------------------------------------------------------------------------------


def campaign_update(campaign_id: str = "4b300178-131c-d902-d54e-72d90ba1620a", **payload: object) -> Json:
    """A 10DLC campaign event; `payload` holds its type, status and so on."""
    at = payload.pop("at", NOON)
    assert isinstance(at, datetime)
    return event("10dlc.campaign.update", {"campaignId": campaign_id} | payload, at=at)


def unknown_event(event_type: str = "call.initiated", *, at: datetime = NOON, **payload: object) -> Json:
    """An event of another product on the same URL: stored and published, not projected."""
    return event(event_type, {"call_control_id": "call-1", "state": "parked"} | payload, at=at)


def spend_limit_reached(profile: str | None = PROFILE, *, at: datetime = NOON, **more: object) -> Json:
    """A messaging profile reached its daily spend limit; `more` replaces payload fields."""
    payload: Json = {"configured_limit": "10.00", "current_cost": "10.02", "profile_id": profile}
    return event("messaging-profile.spend-limit-reached", payload | more, at=at)


def hosted_order(
    kind: str = "updated", order_id: str | None = "order-1", *, at: datetime = NOON, **more: object
) -> Json:
    """An order to host numbers; `more` replaces payload fields."""
    payload: Json = {} if order_id is None else {"order_id": order_id}
    return event(f"messaging_hosted_numbers_orders.{kind}", payload | more, at=at)


def toll_free_update(
    verification_id: str = "tfv-1", status: str | None = "verified", *, at: datetime = NOON, **more: object
) -> Json:
    """A new status of a toll-free verification; `more` replaces payload fields."""
    payload: Json = {"id": verification_id, "status": status}
    return event("toll_free_verification.status_update", payload | more, at=at)


def link_clicked(message_id: str = "msg-1", *, at: datetime = NOON, **more: object) -> Json:
    """A shortened link was opened: no event_type and no payload, the record stands in `data` itself."""
    record: Json = {
        "record_type": "link_clicked",
        "message_id": message_id,
        "time_clicked": moment(at),
        "to": PERSON.removeprefix("+"),
        "url": "https://example.com/appointment",
    }
    return {"data": record | more}
