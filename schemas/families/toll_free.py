"""Toll-free verifications: a status of one changed."""

from typing import Annotated

from msgspec import Meta, Struct, field

from schemas.families.envelope import Id, Webhook


class TollFreeVerification(Struct, frozen=True):
    """The verification of a toll-free number. `status` is spelled differently by different pages."""

    id: Id | None = None
    status: Annotated[str | None, Meta(examples=["verified", "Rejected", "Waiting For Vendor", "In Progress"])] = None
    rejection_reason_camel: str | None = field(default=None, name="rejectionReason")
    rejection_reason: str | None = None
    reason: str | None = None


TollFreeVerificationChanged = Webhook[TollFreeVerification]
