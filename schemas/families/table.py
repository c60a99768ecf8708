"""The table of event families: the one place that says what an event type is, where it goes and how long it is kept.

Topics, record keys, retention classes, JSON Schemas, AsyncAPI messages and the projections' event types follow from it.
docs/adding-a-family.md names the other files that a new family needs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from schemas.families.envelope import AnyEvent
from schemas.families.event_types import EventTypes
from schemas.families.hosted_numbers import HostedNumbersOrderChanged
from schemas.families.link_clicks import LINK_CLICKED, LinkClicked
from schemas.families.messages import MessageDelivery, MessageReceived
from schemas.families.spend_limits import SpendLimitReached
from schemas.families.ten_dlc import BrandUpdated, CampaignNumberUpdated, CampaignUpdated
from schemas.families.toll_free import TollFreeVerificationChanged
from schemas.families.verify_codes import VerificationChanged
from schemas.reading.normalize import party, phone, vendor_id

Topic = Literal["messages", "10dlc", "other"]

REMEMBERED_TYPES = 1024
REMEMBERED_CHARACTERS = 80  # event types are the sender's words: a cache bounds their number and their length


@dataclass(frozen=True, slots=True)
class KeyRule:
    """The rule for a record's key in Kafka: `find` takes a payload. Where it finds nothing, the key is the event_key.

    `description` is what schemas/asyncapi.yaml says about the key. A key promises no order. It keeps the events of one
    thing in one partition (docs/kafka.md).
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


@dataclass(frozen=True, slots=True)
class Family:
    """Events of one kind.

    `schema` is the file of schemas/json that is generated from `body`, the type of a whole webhook body. `message` and
    `title` are its name and title in schemas/asyncapi.yaml. `topic` is the topic's name without its prefix.
    `retention_class` decides which partition of `events` holds a row.
    """

    schema: str
    message: str
    title: str
    body: Any
    topic: Topic
    key: KeyRule
    retention_class: Literal["consent", "registry", "traffic"]
    event_types: EventTypes


# An event belongs to the first family that takes its type. The last one takes every type.
# fmt: off
FAMILIES = (
    Family("message-received", "messageReceived", "A message from a person",
           MessageReceived, "messages", SENDER, "consent",
           EventTypes("message.received")),
    Family("message-delivery", "messageDelivery", "The delivery of a message that we sent",
           MessageDelivery, "messages", MESSAGE_ID, "traffic",
           EventTypes("message.sent", "message.finalized", "message.read")),
    Family("event", "otherEvent", "Any other event",
           AnyEvent, "messages", MESSAGE_ID, "traffic",
           EventTypes("message.*")),
    Family("10dlc-brand", "brandUpdated", "A 10DLC brand",
           BrandUpdated, "10dlc", TEN_DLC_ID, "registry",
           EventTypes("10dlc.brand.*", "brand.*")),
    Family("10dlc-campaign", "campaignUpdated", "A 10DLC campaign",
           CampaignUpdated, "10dlc", TEN_DLC_ID, "registry",
           EventTypes("10dlc.campaign.*", "campaign.*")),
    Family("10dlc-phone-number", "campaignNumberUpdated", "A number of a 10DLC campaign",
           CampaignNumberUpdated, "10dlc", TEN_DLC_ID, "registry",
           EventTypes("10dlc.phone_number.*")),
    Family("event", "otherEvent", "Any other event",
           AnyEvent, "10dlc", TEN_DLC_ID, "registry",
           EventTypes("10dlc.*")),
    Family("spend-limit-reached", "spendLimitReached", "A messaging profile reached its daily spend limit",
           SpendLimitReached, "other", EVENT_KEY, "traffic",
           EventTypes("messaging-profile.spend-limit-reached")),
    Family("hosted-numbers-order", "hostedNumbersOrderChanged", "An order to host numbers for messaging",
           HostedNumbersOrderChanged, "other", EVENT_KEY, "registry",
           EventTypes("messaging_hosted_numbers_orders.*")),
    Family("toll-free-verification", "tollFreeVerificationChanged", "The verification of a toll-free number",
           TollFreeVerificationChanged, "other", EVENT_KEY, "registry",
           EventTypes("toll_free_verification.*")),
    Family("link-clicked", "linkClicked", "A shortened link was opened",
           LinkClicked, "other", EVENT_KEY, "traffic",
           EventTypes(LINK_CLICKED)),
    Family("verification", "verificationChanged", "A code of Telnyx Verify",
           VerificationChanged, "other", EVENT_KEY, "traffic",
           EventTypes("verify.*")),
    Family("event", "otherEvent", "Any other event",
           AnyEvent, "other", EVENT_KEY, "traffic",
           EventTypes("*")),
)
# fmt: on


def family_of(event_type: str) -> Family:
    """The family of events of a type. Every type has one."""
    return _remembered(event_type) if len(event_type) <= REMEMBERED_CHARACTERS else _search(event_type)


def _search(event_type: str) -> Family:
    return next(family for family in FAMILIES if family.event_types.takes(event_type))


_remembered = lru_cache(maxsize=REMEMBERED_TYPES)(_search)


def types_of(*schemas: str) -> EventTypes:
    """The event types that these schemas describe. Raises ValueError for a schema that no family has."""
    unknown = set(schemas) - {family.schema for family in FAMILIES}
    if unknown:
        raise ValueError(f"no family has the schema {', '.join(sorted(unknown))}")
    return EventTypes.union(family.event_types for family in FAMILIES if family.schema in schemas)


def types_on(topic: Topic) -> EventTypes:
    """The event types of a topic, which is named without its prefix."""
    return EventTypes.union(family.event_types for family in FAMILIES if family.topic == topic)
