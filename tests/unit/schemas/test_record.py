"""Records: the guarantees of the Kafka contract, and reading any record back without trusting it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.kafka.record import Delivery, Record, decode, event_record, pack, quarantine_record, rfc3339, unpack
from schemas.kafka.topics import Topics, record_key
from schemas.reading.event import Event, read
from tests.support.webhooks import builders

HEADERS = ("ce_source", "ce_type", "telnyx-timestamp", "telnyx-signature-ed25519", "ledger_received_at")
NOW = datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC)


def delivery(body: bytes) -> Delivery:
    return Delivery(body, builders.sign(body, 1772366400), "1772366400", builders.key_id(), "acme", NOW)


def event_of(webhook: object) -> Event:
    found = read(builders.encode(webhook))
    assert isinstance(found, Event)
    return found


def test_an_event_record_is_a_binary_mode_cloud_event() -> None:
    body = builders.encode(builders.message_sent("msg-1"))
    event = event_of(builders.message_sent("msg-1"))
    record = event_record(Topics("telnyx"), event, delivery(body))
    headers = dict(record.headers)
    assert (record.topic, record.key, record.value) == ("telnyx.messages", b"msg-1", body)
    assert headers == {
        "ce_specversion": b"1.0", "ce_id": event.key.encode(), "ce_type": b"message.sent", "ce_source": b"telnyx/acme",
        "ce_time": b"2026-03-01T12:00:00.300000Z", "content-type": b"application/json",
        "telnyx-signature-ed25519": builders.signed_headers(body, 1772366400)["telnyx-signature-ed25519"].encode(),
        "telnyx-timestamp": b"1772366400", "ledger_key_id": builders.key_id().encode(),
        "ledger_received_at": b"2026-03-01T12:00:01Z", "ledger_contract": b"1",
    }  # fmt: skip
    assert decode(record.value, record.headers, fallback_received_at=NOW).delivery == delivery(body)


@given(st.datetimes(timezones=st.just(UTC)))
def test_rfc3339_equals_the_isoformat_of_datetime(moment: datetime) -> None:
    assert rfc3339(moment) == moment.isoformat().removesuffix("+00:00") + "Z"


def test_a_quarantined_record_has_a_reason_and_no_time() -> None:
    record = quarantine_record(Topics("x"), "00000000-0000-0000-0000-000000000001", "not_json", delivery(b"{"))
    headers = dict(record.headers)
    assert (record.topic, record.key.decode()) == ("x.quarantine", record.event_key)
    assert (headers["ce_type"], headers["ledger_reason"]) == (b"ledger.quarantined", b"not_json")
    assert "ce_time" not in headers
    assert decode(record.value, record.headers, fallback_received_at=NOW).quarantine_reason == "not_json"


@given(
    st.builds(
        Record, st.text(), st.binary(), st.binary(), st.lists(st.tuples(st.text(), st.binary())).map(tuple), st.text()
    )
)
def test_unpacking_returns_the_packed_record(record: Record) -> None:
    assert unpack(pack(record)) == record


@given(
    st.binary(),
    st.lists(
        st.tuples(
            st.sampled_from(
                ["ce_source", "ce_type", "telnyx-timestamp", "telnyx-signature-ed25519", "ledger_received_at"]
            ),
            st.binary() | st.none(),
        )
    ),
)
def test_any_headers_can_be_read_back(value: bytes, headers: list[tuple[str, bytes]]) -> None:
    arrival = decode(value, headers, fallback_received_at=NOW)
    assert arrival.delivery.body == value
    assert "\x00" not in arrival.delivery.signed_timestamp + arrival.delivery.account


CAMPAIGN, BRAND = "4b300178-131c", "5b300178-131c"


@pytest.mark.parametrize(
    ("webhook", "topic", "key"),
    [
        (builders.message_finalized("m"), "telnyx.messages", "m"),
        (builders.message_received("m", "+1 (312) 555-0001"), "telnyx.messages", "+13125550001"),
        (builders.event("message.invented", {"id": 7}), "telnyx.messages", "7"),
        (builders.event("10dlc.campaign.update", {"campaignId": CAMPAIGN, "brandId": BRAND}), "telnyx.10dlc", CAMPAIGN),
        (builders.event("10dlc.brand.update", {"brandId": BRAND}), "telnyx.10dlc", BRAND),
        (builders.event("brand.created", {"phoneNumber": "13125550001"}), "telnyx.10dlc", "+13125550001"),
    ],
)
def test_topic_and_key_of_an_event(webhook: object, topic: str, key: str) -> None:
    event = event_of(webhook)
    assert (Topics().of(event.type), record_key(event)) == (topic, key)


@pytest.mark.parametrize("event_type", ["message.received", "message.sent", "10dlc.x", "campaign.x", "call.initiated"])
def test_an_event_without_a_subject_has_its_event_key_as_record_key(event_type: str) -> None:
    event = event_of(builders.event(event_type, {"text": "x"}))
    assert record_key(event) == event.key
