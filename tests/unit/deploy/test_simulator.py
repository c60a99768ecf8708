"""The simulator's traffic is repeatable and signed, and its expected answers agree with `read`."""

import itertools
import json
import stat
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from deploy.simulator.connection import Endpoint
from deploy.simulator.expectation import CheckedAnswer, Totals
from deploy.simulator.key import FILE_NAME, DevelopmentKey, development_key
from deploy.simulator.stories import ten_dlc
from deploy.simulator.traffic import seeded_clock, traffic
from deploy.simulator.webhook import STORED, Signing, Webhook
from deploy.simulator.world import World
from schemas.errors import Misconfigured
from schemas.reading.event import Event, Unreadable, read
from schemas.reading.signing import decode_signature, parse_keys, verify

NOW = 1_767_625_200


def sent(seed: int, count: int, *, chaos: bool = False) -> list[Webhook]:
    return list(itertools.islice(traffic(seed, seeded_clock(), chaos=chaos), count))


def events(webhooks: list[Webhook]) -> list[Event]:
    return [event for webhook in webhooks if isinstance(event := read(webhook.body), Event)]


@pytest.fixture
def key(tmp_path: Path) -> DevelopmentKey:
    return development_key(tmp_path)


def test_the_same_seed_sends_the_same_bytes() -> None:
    first, second = sent(7, 2000, chaos=True), sent(7, 2000, chaos=True)
    assert [webhook.body for webhook in first] == [webhook.body for webhook in second]


def test_another_seed_sends_other_events() -> None:
    assert not {event.key for event in events(sent(1, 500))} & {event.key for event in events(sent(2, 500))}


def test_every_ordinary_webhook_is_an_event_that_ingest_would_store() -> None:
    webhooks = sent(3, 3000)
    assert all(webhook.expected is STORED and webhook.signing is Signing.VALID for webhook in webhooks)
    assert len(events(webhooks)) == len(webhooks)


def test_a_webhook_meant_for_quarantine_is_unreadable_for_that_reason() -> None:
    for webhook in sent(4, 3000, chaos=True):
        if webhook.signing is not Signing.VALID:
            continue
        result = read(webhook.body)
        if webhook.expected is STORED:
            assert isinstance(result, Event)
        else:
            assert isinstance(result, Unreadable)
            assert webhook.expected.words == (result.reason,)


def test_a_redelivery_is_the_same_event_in_other_bytes() -> None:
    webhooks = sent(5, 2000)
    again = [webhook for webhook in webhooks if webhook.attempt == 2]
    originals = {json.dumps(webhook.data): webhook for webhook in webhooks if webhook.attempt == 1}
    assert len(again) > 20
    for webhook in again:
        original = originals[json.dumps(webhook.data)]
        assert webhook.body != original.body
        assert read(webhook.body) == read(original.body)


def of_messages(found: list[Event]) -> list[Event]:
    return [event for event in found if event.type.startswith("message.")]


def test_the_traffic_contains_the_stories_of_the_tables() -> None:
    found = of_messages(events(sent(6, 3000)))
    payloads = [event.payload for event in found]
    texts = {payload.get("text") for payload in payloads}
    assert {event.type for event in found} == {"message.sent", "message.finalized", "message.received", "message.read"}
    assert {"STOP", "START", "HELP"} <= {payload.get("autoresponse_type") for payload in payloads}
    assert "please stop texting me" in texts
    assert {error["code"] for payload in payloads for error in payload["errors"]} >= {"40300", "40008", "40001"}
    assert any(payload.get("group_message_id") == payload["id"] for payload in payloads)
    to = [payload["to"][0] for payload in payloads if isinstance(payload["to"], list)]
    assert {"delivered", "delivery_failed", "delivery_unconfirmed", "read"} <= {one.get("status") for one in to}
    assert {"SMS", "MMS", "RCS", "WHATSAPP"} == {payload["type"] for payload in payloads}
    assert any("suggestion_response" in payload.get("body", {}) for payload in payloads)


def test_every_family_occurs_and_most_events_are_messages() -> None:
    found = events(sent(6, 3000))
    families = Counter(event.type.split(".")[0] for event in found)
    assert set(families) == {
        "message", "10dlc", "messaging-profile", "messaging_hosted_numbers_orders", "toll_free_verification",
        "link_clicked",
    }  # fmt: skip
    assert families["message"] > 0.8 * len(found)


def test_the_first_minute_contains_a_campaign_that_may_send() -> None:
    """`make run` sends five webhooks a second."""
    first_minute = events(sent(6, 300))
    senders = {event.payload.get("tcr_campaign_id") for event in of_messages(first_minute)} - {None}
    payloads = [event.payload for event in first_minute if event.type.startswith("10dlc.")]
    provisioned = {payload["campaignId"] for payload in payloads if payload["type"] == "VERIFIED"}
    known = {payload.get("tcrCampaignId") for payload in payloads if payload.get("campaignId") in provisioned}
    assert senders <= known


def test_registrations_take_every_path_of_the_state_table() -> None:
    world = World(Random(6), seeded_clock())
    steps = itertools.chain.from_iterable(ten_dlc.registration(world) for _ in range(150))
    payloads = [event.payload for event in events([step for step in steps if isinstance(step, Webhook)])]
    types = {(payload["type"], payload.get("status", "")) for payload in payloads}
    assert {
        *(("REGISTRATION", "failed"), ("TELNYX_REVIEW", "ACCEPTED"), ("TELNYX_REVIEW", "REJECTED")),
        *(("MNO_REVIEW", "ACCEPTED"), ("MNO_REVIEW", "REJECTED"), ("VERIFIED", ""), ("CAMPAIGN_NUDGE", "")),
        *(("TELNYX_EVENT", "DORMANT"), ("ASSIGNMENT", "success"), ("ASSIGNMENT", "failed"), ("DELETION", "success")),
        *(("DELETION", "failed"), ("STATUS_UPDATE", "ADDED"), ("STATUS_UPDATE", "PENDING"), ("REVET", "success")),
        *(("NUMBER_POOL_PROVISIONED", ""), ("NUMBER_POOL_DEPROVISIONED", ""), ("ORDER_EXTERNAL_VETTING", "success")),
    } <= types
    assert {payload["eventType"] for payload in payloads if "eventType" in payload} >= {
        *("BRAND_ADD", "BRAND_APPEAL_ADD", "BRAND_APPEAL_COMPLETE", "CAMPAIGN_ADD", "CAMPAIGN_EXPIRED"),
        *("CAMPAIGN_RESUBMISSION", "MNO_CAMPAIGN_OPERATION_SUSPENDED", "MNO_CAMPAIGN_OPERATION_UNSUSPENDED"),
    }
    by_registry_id = {payload["campaignId"] for payload in payloads if len(payload.get("campaignId", "")) == 7}
    learnt_late = {payload["tcrCampaignId"] for payload in payloads if "tcrCampaignId" in payload}
    assert by_registry_id & learnt_late


def test_a_refused_send_follows_a_stop_of_that_person() -> None:
    stopped = set()
    refused = 0
    for event in of_messages(events(sent(8, 3000))):
        payload = event.payload
        if payload.get("autoresponse_type") == "STOP":
            stopped.add((payload["messaging_profile_id"], payload["from"]["phone_number"]))
        if any(error["code"] == "40300" for error in payload["errors"]):
            refused += 1
            assert (payload["messaging_profile_id"], payload["to"][0]["phone_number"]) in stopped
    assert refused > 20


def test_some_receipts_overtake_the_sent_event() -> None:
    order: dict[str, list[str]] = {}
    for event in of_messages(events(sent(9, 2000))):
        order.setdefault(event.payload["id"], []).append(event.type)
    assert sum(types[0] == "message.finalized" and "message.sent" in types for types in order.values()) > 20


def test_bodies_are_pretty_printed_as_telnyx_prints_them() -> None:
    assert sent(1, 1)[0].body.startswith(b'{\n  "data": {\n    "event_type"')


def test_only_valid_signatures_verify(key: DevelopmentKey) -> None:
    (public,) = parse_keys([key.public_line])
    seen = set()
    for webhook in sent(10, 1500, chaos=True):
        headers = key.headers(webhook, webhook.body, NOW)
        timestamp = headers["telnyx-timestamp"].encode()
        signature = decode_signature(headers.get("telnyx-signature-ed25519", "").encode())
        authentic = signature is not None and verify(public.public_key, signature, timestamp, webhook.body)
        in_window = abs(int(timestamp) - NOW) <= 300
        assert (authentic and in_window) == (webhook.signing is Signing.VALID)
        seen.add(webhook.signing)
    assert seen == set(Signing)


def test_the_development_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    first = development_key(tmp_path / "data")
    assert development_key(tmp_path / "data").public_line == first.public_line
    assert stat.S_IMODE((tmp_path / "data" / FILE_NAME).stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == [FILE_NAME]


def test_a_damaged_development_key_is_reported_with_the_setting(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("not a key")
    with pytest.raises(Misconfigured, match=f"LEDGER_DATA_DIR: .*{FILE_NAME} does not hold a key"):
        development_key(tmp_path)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8080/webhooks/telnyx/acme", ("127.0.0.1", 8080, "/webhooks/telnyx/acme", False)),
        ("http://localhost", ("localhost", 80, "/webhooks/telnyx", False)),
        ("https://hooks.example.com/x?y=1", ("hooks.example.com", 443, "/x?y=1", True)),
    ],
)
def test_a_url_is_split_into_an_endpoint(url: str, expected: tuple[str, int, str, bool]) -> None:
    target = Endpoint.parse(url)
    assert (target.host, target.port, target.path, target.tls) == expected


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://x/", "http://", "http://x:notaport/"])
def test_an_invalid_url_is_refused_by_the_options_name(url: str) -> None:
    with pytest.raises(Misconfigured, match="--url"):
        Endpoint.parse(url)


def test_an_answer_is_one_json_line_with_its_webhook() -> None:
    webhook = sent(1, 1)[0]
    line = CheckedAnswer(webhook, 200, {"status": "accepted", "event_key": "k"}, None, 0.0015).line(3)
    assert "\n" not in line
    fields = json.loads(line)
    assert fields["event_type"] == webhook.data["event_type"]
    assert fields["event_id"] == webhook.data["id"]
    assert (fields["expected_status"], fields["status"], fields["as_expected"]) == (200, 200, True)
    assert (fields["answer"]["status"], fields["latency_ms"], fields["number"]) == ("accepted", 1.5, 3)


def test_an_unexpected_answer_is_counted_and_shown() -> None:
    totals = Totals()
    totals.add(CheckedAnswer(sent(1, 1)[0], 503, {"error": "unavailable"}, None, 0.1))
    totals.add(CheckedAnswer(sent(1, 1)[0], None, None, "connection refused", 0.1))
    assert totals.surprising == 2
    assert "expected 200 accepted or duplicate, got 503 unavailable" in totals.surprises[0]
    assert totals.summary()["answers"] == {"503 unavailable": 1, "no answer connection refused": 1}
