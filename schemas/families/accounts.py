"""The account's other things: spend limits, hosted numbers, toll-free verifications, link clicks; Verify's codes."""

from typing import Annotated

from msgspec import Meta, Struct, field

from schemas.families.envelope import Amount, Delivered, Id, Number, Time, Webhook
from schemas.families.messages import Party


class SpendLimit(Struct, frozen=True):
    """A messaging profile spent what it may in a day (UTC), in US dollars; Telnyx refuses its sends from now on."""

    profile_id: Id | None = None
    configured_limit: Amount | None = None
    current_cost: Amount | None = None


class HostedNumber(Struct, frozen=True):
    """A number of an order to host numbers."""

    value: Number | None = None
    status: Annotated[str | None, Meta(examples=["pending", "ownership_successful", "successful", "failed"])] = None


class HostedNumbersOrder(Struct, frozen=True):
    """An order to host numbers of another voice carrier, or to move them from another Telnyx account."""

    order_id: Id | None = None
    order_status: Annotated[str | None, Meta(examples=["pending", "provisioning", "successful", "failed"])] = None
    profile_id: Id | None = None
    user_id: Id | None = None
    numbers: list[HostedNumber] | HostedNumber | None = None
    decision: Annotated[str | None, Meta(examples=["pending", "approved", "rejected"])] = None
    approval_decision: Annotated[str | None, Meta(description="The decision, in another spelling of the page.")] = None
    approval_deadline: Annotated[int | float | str | None, Meta(description="Unix seconds, or a time.")] = None


class TollFreeVerification(Struct, frozen=True):
    """The verification of a toll-free number. `status` is spelled differently by different pages."""

    id: Id | None = None
    status: Annotated[str | None, Meta(examples=["verified", "Rejected", "Waiting For Vendor", "In Progress"])] = None
    rejection_reason_camel: str | None = field(default=None, name="rejectionReason")
    rejection_reason: str | None = None
    reason: str | None = None


class Verification(Struct, frozen=True):
    """A code that Telnyx Verify sent to a person: another product, which may share the URL."""

    id: Id | None = None
    record_type: str | None = None
    type: Annotated[str | None, Meta(description="The channel, in lower case: not the type of a message.")] = None
    status: str | None = None
    delivery_status: str | None = None
    phone_number: Number | None = None
    profile_id: Id | None = None
    created_at: Time | None = None
    updated_at: Time | None = None


class LinkClick(Struct, frozen=True):
    """A person opened a shortened link. It has no event_type and no payload: the record is `data` itself."""

    record_type: Annotated[str, Meta(examples=["link_clicked"])]
    message_id: Id | None = None
    to: Party | Number | None = None
    url: str | None = None
    time_clicked: Time | None = None
    occurred_at: Time | None = None
    id: Id | None = None


class LinkClicked(Struct, frozen=True):
    """The body of a webhook, byte for byte as Telnyx signed it."""

    data: LinkClick
    meta: Delivered | None = None


SpendLimitReached = Webhook[SpendLimit]
HostedNumbersOrderChanged = Webhook[HostedNumbersOrder]
TollFreeVerificationChanged = Webhook[TollFreeVerification]
VerificationChanged = Webhook[Verification]
