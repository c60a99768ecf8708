"""Hosted numbers: an order and the numbers in it."""

from typing import Annotated

from msgspec import Meta, Struct

from schemas.families.envelope import Id, Number, Webhook


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


HostedNumbersOrderChanged = Webhook[HostedNumbersOrder]
