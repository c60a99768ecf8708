"""The headers of Kafka records as msgspec types, for consumers of the topics. `schemas.kafka.record` writes them.

Each value is UTF-8 text. The `ce_` headers are CloudEvents 1.0 in binary mode, which any CloudEvents library reads.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

Key = Annotated[str, Meta(pattern="^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
Instant = Annotated[
    str, Meta(description="RFC 3339 in UTC.", pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{6})?Z$")
]

QUARANTINE_REASONS = (
    *("stale_timestamp", "future_timestamp", "not_json", "webhook_api_v1", "no_data", "too_deep", "no_event_type"),
    "no_occurred_at",
)


class _Evidence(Struct, frozen=True, kw_only=True):
    """The headers that prove the value: the signature covers `telnyx-timestamp`, a bar, and the bytes of the value."""

    ce_specversion: Literal["1.0"]
    ce_source: Annotated[
        str, Meta(description="`telnyx/` and the account whose key signed it.", pattern="^telnyx/[a-z0-9_-]{1,64}$")
    ]
    content_type: Literal["application/json"] = field(name="content-type")
    signature: Annotated[
        str,
        Meta(
            description="Ed25519 over telnyx-timestamp, `|` and the value, as base64.",
            pattern="^[A-Za-z0-9+/]{86}==$",
        ),
    ] = field(name="telnyx-signature-ed25519")
    signed_timestamp: Annotated[
        str, Meta(description="Unix seconds, as Telnyx signed them.", pattern="^[0-9]{1,11}$")
    ] = field(name="telnyx-timestamp")
    ledger_key_id: Annotated[
        str,
        Meta(
            description="Which key signed it: the first 16 hex digits of SHA-256 of the 32 key bytes.",
            pattern="^[0-9a-f]{16}$",
        ),
    ]
    ledger_received_at: Annotated[Instant, Meta(description="When our ingest received this delivery, in RFC 3339 UTC.")]
    ledger_contract: Annotated[
        Literal["1"], Meta(description="The version of these headers; within it they are only added.")
    ]


class EventHeaders(_Evidence, frozen=True, kw_only=True):
    """Headers of an event. Records with one `ce_id` are one event; put events in order by `ce_time`."""

    ce_id: Annotated[Key, Meta(description="The event_key: a hash of the content. Duplicates have the same.")]
    ce_type: Annotated[str, Meta(description="The event_type.", examples=["message.finalized"])]
    ce_time: Annotated[Instant, Meta(description="When it occurred, as Telnyx says, in RFC 3339 UTC.")]
    ledger_replay: (
        Annotated[Instant, Meta(description="Only on what `replay` published again: when it began, in RFC 3339 UTC.")]
        | UnsetType
    ) = UNSET


class QuarantineHeaders(_Evidence, frozen=True, kw_only=True):
    """Headers of a signed body that is not, or not yet, an event. No ce_time: the time of occurrence is unknown."""

    ce_id: Annotated[Key, Meta(description="The quarantine key. Duplicates have the same.")]
    ce_type: Literal["ledger.quarantined"]
    ledger_reason: Annotated[str, Meta(description="Why; reasons may be added.", examples=list(QUARANTINE_REASONS))]
