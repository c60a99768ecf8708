"""Messages from people and the delivery of ours: `message.received`, `.sent`, `.finalized`, `.read`, on every channel.

SMS, MMS, group MMS, RCS and WhatsApp share these events. They differ in the shape of `from` and `to` and in the field
that holds the text.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct, field

from schemas.families.envelope import Amount, Id, Number, Time, Webhook


class Party(Struct, frozen=True):
    """A sender or an addressee: a number, or an RCS agent."""

    phone_number: Number | None = None
    agent_id: str | None = None
    agent_name: str | None = None
    carrier: Annotated[str | None, Meta(description="Free text, as carriers call themselves.")] = None
    line_type: str | None = None
    status: Annotated[
        str | None,
        Meta(
            description="In `to` and `cc`, what became of the message for this recipient; elsewhere nothing.",
            examples=["queued", "sending", "sent", "delivered", "delivery_failed", "delivery_unconfirmed", "read"],
        ),
    ] = None
    error_code: Id | None = None
    error_message: str | None = None


Parties = list[Party | Number | None] | Party | Number | None


class Cost(Struct, frozen=True):
    """An amount of money."""

    amount: Amount | None = None
    currency: Annotated[str | None, Meta(examples=["USD"])] = None


class CostBreakdown(Struct, frozen=True):
    """The parts of a cost."""

    carrier_fee: Cost | None = None
    rate: Cost | None = None


class Media(Struct, frozen=True):
    """An attachment. Its link expires 30 days after the message."""

    url: str | None = None
    content_type: str | None = None
    type: str | None = None
    size: int | None = None
    sha256: str | None = None
    hash_sha256: str | None = None


class Error(Struct, frozen=True):
    """The reason why a send failed: see the table `error_codes`."""

    code: Annotated[str | int | None, Meta(examples=["40300"])] = None
    title: str | None = None
    detail: str | None = None
    source: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None


class Location(Struct, frozen=True):
    """A location that a person shared."""

    latitude: float | None = None
    longitude: float | None = None


class Suggestion(Struct, frozen=True):
    """The suggested reply that a person tapped."""

    postback_data: str | None = None
    text: str | None = None


class MessageBody(Struct, frozen=True):
    """The content of an RCS or WhatsApp message: usually one of these fields."""

    text: str | dict[str, Any] | None = None
    user_file: dict[str, Any] | None = None
    location: Location | None = None
    suggestion_response: Suggestion | None = None
    edit: dict[str, Any] | None = None
    revoke: dict[str, Any] | None = None
    foreign_id: Id | None = None
    timestamp: str | int | None = None
    type: str | None = None


class Message(Struct, frozen=True):
    """The fields of both directions. `id` is the message's and the same in all of its events."""

    id: Id | None = None
    record_type: str | None = None
    direction: Annotated[str | None, Meta(examples=["inbound", "outbound"])] = None
    type: Annotated[str | None, Meta(examples=["SMS", "MMS", "RCS", "WHATSAPP"])] = None
    messaging_profile_id: Id | None = None
    organization_id: Id | None = None
    from_: Party | Number | None = field(default=None, name="from")
    to: Parties = None
    cc: Parties = None
    text: str | None = None
    subject: str | None = None
    body: MessageBody | str | None = None
    media: list[Media] | Media | None = None
    encoding: Annotated[str | None, Meta(examples=["GSM-7", "UCS-2"])] = None
    parts: int | None = None
    num_chars: int | None = None
    tags: list[str | None] | str | None = None
    cost: Cost | Amount | None = None
    cost_breakdown: CostBreakdown | None = None
    tcr_campaign_id: Annotated[
        str | None, Meta(description="The Campaign Registry's id of the 10DLC campaign, not Telnyx's.")
    ] = None
    tcr_campaign_billable: bool | None = None
    tcr_campaign_registered: str | None = None
    received_at: Time | None = None
    sent_at: Time | None = None
    completed_at: Time | None = None
    valid_until: Time | None = None
    webhook_url: str | None = None
    webhook_failover_url: str | None = None
    errors: list[Error | str | int] | Error | str | int | None = None


class InboundMessage(Message, frozen=True):
    """A message from a person. `received_at` is when Telnyx received it."""

    autoresponse_type: Annotated[
        str | None,
        Meta(
            description="What Telnyx took the text for; null on ordinary messages.",
            examples=["STOP", "START", "HELP"],
        ),
    ] = None
    is_spam: bool | None = None


class OutboundMessage(Message, frozen=True):
    """A message that we sent. A group message has one `message.finalized` per recipient, all with one `id`."""

    group_message_id: Id | None = None
    wait_seconds: float | None = None
    smart_encoding_applied: bool | None = None
    template_id: Id | None = None
    template_name: str | None = None


MessageReceived = Webhook[InboundMessage]
MessageDelivery = Webhook[OutboundMessage]
