"""Codes of Telnyx Verify: another product, whose events may share the URL."""

from typing import Annotated

from msgspec import Meta, Struct

from schemas.families.envelope import Id, Number, Time, Webhook


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


VerificationChanged = Webhook[Verification]
