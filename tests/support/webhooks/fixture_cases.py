"""The vendor examples of `tests/fixtures` with their expected event and rows, worked out by hand.

`index.tsv` there names the source of each file. A file is posted as it is (`EXPECTED`), put under `data` if it lacks
the envelope (`WRAPPED`), or given the `occurred_at` that a genuine webhook has (`DATED`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Expected:
    """A quarantine reason, or the event (type, id, time, class) and its rows by table, without keys and account."""

    reason: str | None = None
    event: tuple[str, str | None, datetime, str] | None = None
    rows: Mapping[str, Row] = field(default_factory=dict)
    wrapped: bool = False
    dated: bool = False


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def delivery(**columns: object) -> dict[str, Row]:
    names = """messaging_profile_id sender message_type tcr_campaign_id group_message_id carrier line_type encoding
        parts cost_amount cost_currency carrier_fee_amount error_detail queued_at sent_at completed_at"""
    return {"message_deliveries": dict.fromkeys(names.split()) | {"error_codes": [], "tags": []} | columns}


def inbound(*, text: str | None, media: list[Any], **columns: object) -> dict[str, Row]:
    names = "messaging_profile_id sender message_type encoding parts carrier line_type autoresponse_type"
    message = dict.fromkeys(names.split()) | {"recipients": [], "cc": []} | columns
    contents = {"message_id": columns["message_id"], "text": text, "media": media}
    return {"inbound_messages": message, "message_contents": contents}


OMNIPOINT = "OMNIPOINT COMMUNICATIONS MIDWEST OPERATIONS LLC"

WITHOUT_DATA = """
kb_fundamentals_2.json
mock_message_received_to_string.json
mock_message_sent_from_string.json
n8n_oas_inbound_example.json
n8n_oas_outbound_example.json
oas_inbound_message.json
oas_outbound_message.json
oas_outbound_payload_cancelled.json
oas_replaced_link_click.json
skills_whatsapp_account_restricted.json
skills_whatsapp_quality_changed.json
skills_whatsapp_template_approved.json
"""
WITHOUT_TIME = """
examples_dlr_error_code_in_to.json
kb_hosted_order_created.json
kb_hosted_order_updated_a.json
kb_hosted_order_updated_b.json
kb_rcs_inbound_location.json
kb_rcs_inbound_suggestion.json
kb_rcs_inbound_user_file.json
php_test_minimal_a.json
"""
EXPECTED: dict[str, Expected] = {
    **dict.fromkeys(WITHOUT_DATA.split(), Expected("no_data")),
    **dict.fromkeys(WITHOUT_TIME.split(), Expected("no_occurred_at")),
    "examples_mms_media_type_key.json": Expected(
        event=("message.received", "f5d7a7e0-1234-5678-90ab-cdef12345678", at("2026-06-18T12:00:00"), "consent"),
    ),
    "examples_shortcode_help.json": Expected(
        event=("message.received", None, at("2026-06-18T12:00:00"), "consent"),
        rows=inbound(
            message_id="msg-inbound-abc123", sender="+12125551234", recipients=["123456"],
            received_at=at("2026-06-18T12:00:00"), text="HELP", media=[],
        ) | {
            "opt_out_events": {
                "messaging_profile_id": "", "phone_number": "+12125551234", "action": "help", "basis": "keyword",
                "keyword": "HELP", "via_number": "123456", "telnyx_blocked": False,
                "occurred_at": at("2026-06-18T12:00:00"),
            },
        },
    ),
    "inbound_minimal_no_event_type_demo_node.json": Expected("no_event_type"),
    "kb_fundamentals_1.json": Expected(
        event=("call.initiated", "0ccc7b54-4df3-4bca-a65a-3da1ecc777f0", at("2018-02-02T22:25:27.521992"), "traffic"),
    ),
    "kb_migration_v1_flat_delivery.json": Expected("webhook_api_v1"),
    "kb_migration_v2_message_sent_from_string.json": Expected(
        event=("message.sent", "1f1243a9-93a5-48d1-bf4b-d680b03565a0", at("2020-04-30T20:58:39.421000"), "traffic"),
        rows=delivery(
            message_id="403171cc-e25d-45cc-96b2-f3c54cfc3747", recipient="+18005550199",
            messaging_profile_id="3edefe37-7f02-4b71-b2a6-64a65ac29e8d", sender="+18005550100", status="sent",
            is_final=False, status_at=at("2020-04-30T20:58:39.421000"), message_type="SMS", carrier=OMNIPOINT,
            line_type="Wireless", encoding="GSM-7", parts=1, queued_at=at("2020-04-30T20:58:39.342000"),
            sent_at=at("2020-04-30T20:58:39.421000"), first_event_at=at("2020-04-30T20:58:39.421000"),
        ),
    ),
    "kb_rcs_inbound_text.json": Expected(
        event=("message.received", "b301ed3f-1490-491f-995f-6e64e69674d4", at("2024-12-09T20:16:07.588000"), "consent"),
        rows=inbound(
            message_id="84cca175-9755-4859-b67f-4730d7f58aa3",
            messaging_profile_id="740572b6-099c-44a1-89b9-6c92163bc68d", sender="+13125000000",
            recipients=["e4448a5c0670c2a9"], message_type="RCS", carrier="T-Mobile USA", line_type="long_code",
            received_at=at("2024-12-09T20:16:07.588000"), text="Hello from Telnyx!", media=[],
        ),
    ),
    "kb_rcs_message_read.json": Expected(
        event=("message.read", "7bc4d2e1-3f89-4a12-b5c7-9e8d1a2f3b4c", at("2024-12-09T21:35:22"), "traffic"),
        rows=delivery(
            message_id="ac012cbf-5e09-46af-a69a-7c0e2d90993c", recipient="+13125000000",
            messaging_profile_id="83d2343b-553f-4c5f-b8c8-fd27004f94bf", sender="e4448a5c0670c2a9", status="read",
            is_final=True, status_at=at("2024-12-09T21:35:22"), message_type="RCS",
            first_event_at=at("2024-12-09T21:35:22"),
        ),
    ),
    "kb_verify_delivered.json": Expected(
        event=("verify.delivered", "3bb6321b-abd5-4d60-8cf8-1e6026bb1c41", at("2025-10-08T17:16:09.602000"), "traffic"),
    ),
    "node_test_special_chars.json": Expected(
        event=("message.received", "test-id", at("2023-10-28T15:30:00"), "consent"),
    ),
    "skills_message_delivered_wrong.json": Expected(
        event=("message.delivered", "uuid", at("2024-01-15T12:00:00"), "traffic"),
    ),
    "skills_message_received_strings.json": Expected(
        event=("message.received", "uuid", at("2024-01-15T12:00:00"), "consent"),
    ),
    "skills_twilio_migration_meta_attempt_only.json": Expected(
        event=("message.received", "evt-uuid", at("2024-01-15T10:30:00"), "consent"),
        rows=inbound(
            message_id="msg-uuid", sender="+15551234567", recipients=["+15559876543"], message_type="SMS",
            received_at=at("2024-01-15T10:30:00"), text="Test message", media=[],
        ),
    ),
    "skills_whatsapp_finalized.json": Expected(
        event=("message.finalized", "event-uuid", at("2026-04-01T11:32:01.077000"), "traffic"),
        rows=delivery(
            message_id="40319d48-d075-4490-b230-f981e27f14ec", recipient="+18005551234", status="delivered",
            is_final=True, status_at=at("2026-04-01T11:32:01.077000"), message_type="WHATSAPP",
            cost_amount=Decimal("0.0500"), cost_currency="USD", completed_at=at("2026-04-01T11:32:01.077000"),
            first_event_at=at("2026-04-01T11:32:01.077000"),
        ),
    ),
}  # fmt: skip

OUR_CLOCK = at("2019-01-23T18:10:02.574000")
# `occurred_at` of the mocks is the word "date-time": payload.received_at stands in for it.
WRAPPED: dict[str, Expected] = {
    "mock_message_received_to_string.json": Expected(
        wrapped=True, event=("message.received", "bf6307bd-884d-4c1f-b6ea-c62b8c495d3c", OUR_CLOCK, "consent"),
        rows=inbound(
            message_id="7ee4241c-f127-47e5-9c34-3aac291f8058",
            messaging_profile_id="0f512bda-ae1e-4597-8e11-e5f5686b97d3", sender="+18665550001",
            recipients=["+18445550001"], message_type="SMS", encoding="GSM-7", parts=1, carrier="T-MOBILE USA, INC.",
            line_type="Wireless", received_at=OUR_CLOCK, text="Hello, World!", media=[],
        ),
    ),
    "oas_outbound_message.json": Expected(
        wrapped=True, event=("message.sent", "86f58db9-0fe3-4adc-9d1f-46e66e6e9323", OUR_CLOCK, "traffic"),
        rows=delivery(
            message_id="40385f64-5717-4562-b3fc-2c963f66afa6", recipient="+18665550001",
            messaging_profile_id="4000eba1-a0c0-4563-9925-b25e842a7cb6", sender="+18445550001", status="queued",
            is_final=False, status_at=OUR_CLOCK, message_type="MMS", tcr_campaign_id="TCPA3X7",
            carrier="T-MOBILE USA, INC.", line_type="Wireless", encoding="GSM-7", parts=1,
            cost_amount=Decimal("0.0051"), cost_currency="USD", carrier_fee_amount=Decimal("0.00305"),
            tags=["Greetings"], queued_at=OUR_CLOCK, sent_at=OUR_CLOCK, first_event_at=OUR_CLOCK,
        ),
    ),
    "oas_replaced_link_click.json": Expected(
        wrapped=True, event=("link_clicked", None, at("2019-04-01T14:45:45.450000"), "traffic"),
        rows={
            "link_clicks": {
                "message_id": "7ee4241c-f127-47e5-9c34-3aac291f8058", "recipient": "+18445550001",
                "url": "https://telnyx.com", "clicked_at": at("2019-04-01T14:45:45.450000"),
            },
        },
    ),
    "oas_outbound_payload_cancelled.json": Expected("no_event_type", wrapped=True),
}  # fmt: skip
DATED_AT = at("2026-07-01T12:00:00")
# None of the vendor's examples names an order: there are numbers without one, and no orders.
DATED: dict[str, Expected] = {
    "kb_hosted_order_created.json": Expected(
        dated=True,
        event=("messaging_hosted_numbers_orders.created", None, DATED_AT, "registry"),
        rows={
            "hosted_numbers": {
                "order_id": "",
                "phone_number": "+13125550001",
                "status": "pending",
                "status_at": DATED_AT,
            }
        },
    ),
    **{
        file: Expected(dated=True, event=("messaging_hosted_numbers_orders.updated", None, DATED_AT, "registry"))
        for file in ("kb_hosted_order_updated_a.json", "kb_hosted_order_updated_b.json")
    },
}
