"""Decides which deliveries go to quarantine: signed bodies that are not an event, and forged signatures.

Invariant: no header of a record is trusted. The signature is verified again, and the body is read again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from projections.engine.table import Row, table
from schemas.kafka.record import Arrival, Delivery
from schemas.reading.event import Event, Unreadable
from schemas.reading.signing import Key, verify

FORGED = "forged"
OUTSIDE_WINDOW = ("stale_timestamp", "future_timestamp")

QUARANTINED_WEBHOOKS = table(
    "quarantined_webhooks",
    key="quarantine_key uuid",
    constants="""account text, reason text, received_at timestamptz, body bytea, signature bytea,
        signed_timestamp text, key_id text""",
)

_SIGNED_TIMESTAMP = re.compile(r"[0-9]{1,11}")


@dataclass(frozen=True, slots=True)
class Parked:
    """A delivery that goes to quarantine, and the reason as the contract names it."""

    key: str
    reason: str
    delivery: Delivery


Judged = tuple[Event, Delivery] | Parked


def judge(arrival: Arrival, found: Event | Unreadable, keys: Mapping[str, Key], *, verified: bool | None) -> Judged:
    """The event with its evidence, or the delivery to park.

    `found` is the content of the body. `verified` is the result of `signature_holds`, None where verification is off.
    The account is that of the key; a claimed account counts only where verification is off and the key is unknown.
    """
    delivery = arrival.delivery
    if verified is False:
        return Parked(found.key, FORGED, delivery._replace(account=""))
    key = keys.get(delivery.key_id)
    if key is not None and key.account != delivery.account:
        delivery = delivery._replace(account=key.account)
    if arrival.quarantine_reason in OUTSIDE_WINDOW:
        return Parked(found.key, arrival.quarantine_reason, delivery)
    if isinstance(found, Unreadable):
        return Parked(found.key, found.reason, delivery)
    return found, delivery


def signature_holds(delivery: Delivery, keys: Mapping[str, Key]) -> bool:
    """Whether the key that the delivery names signed this body at a time at which that key was valid."""
    return signed_by(keys.get(delivery.key_id), delivery.signed_timestamp, delivery.signature, delivery.body)


def signed_by(key: Key | None, signed_timestamp: str, signature: bytes, body: bytes) -> bool:
    """Whether this key signed the body at a time at which it was valid; False without a key."""
    return (
        key is not None
        and _SIGNED_TIMESTAMP.fullmatch(signed_timestamp) is not None
        and key.valid_at(int(signed_timestamp))
        and verify(key.public_key, signature, signed_timestamp.encode(), body)
    )


def parked_row(parked: Parked) -> Row:
    """The row of quarantined_webhooks. The account of a forgery is unknown, hence null."""
    delivery = parked.delivery
    return {
        "quarantine_key": parked.key,
        "account": delivery.account or None,
        "reason": parked.reason,
        "received_at": delivery.received_at,
        "body": delivery.body,
        "signature": delivery.signature,
        "signed_timestamp": delivery.signed_timestamp,
        "key_id": delivery.key_id,
    }
