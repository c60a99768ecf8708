"""The published JSON Schemas are generated from the types, and all vendor examples and test bodies match them."""

import itertools
import json
from collections.abc import Iterator
from inspect import isfunction
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import orjson
import pytest

from deploy.simulator.traffic import seeded_clock, traffic
from projections.recovery.replay import REPLAYED
from schemas.contract.json_schema import DIRECTORY, GUARANTEE, HEADERS, documents
from schemas.families.table import FAMILIES, Family, family_of
from schemas.kafka.headers import QUARANTINE_REASONS, EventHeaders, QuarantineHeaders
from schemas.kafka.topics import Topics
from schemas.reading.event import Event, read
from tests.support.webhooks import builders
from tests.support.webhooks import published_examples as published

FIXTURES = Path(__file__).parent.parent / "fixtures"
Json = dict[str, Any]


def schema(name: str) -> Json:
    found: Json = orjson.loads((DIRECTORY / f"{name}.json").read_bytes())
    return found


def holds(name: str, document: object) -> None:
    jsonschema.Draft7Validator(schema(name)).validate(document)


def built() -> Iterator[Json]:
    """A body of every builder with its defaults, then bodies with shapes that no builder has by default."""
    for name, builder in vars(builders).items():
        parts = ("event", "again", "recipient", "outbound")
        if isfunction(builder) and builder.__annotations__.get("return") == builders.Json and name not in parts:
            yield builder()
    yield builders.campaign_update(type="REGISTRATION", status="failed", reasons=[{"fields": ["ein"]}, "plain"])
    yield builders.hosted_order(numbers=[{"value": 13125550001, "status": "pending"}], approval_deadline=1772625600)
    yield builders.toll_free_update(rejectionReason="name")


def vendors() -> Iterator[Any]:
    """The vendor's examples that have an envelope. Those that are only its `data` or `payload` are completed here."""
    for path in sorted(FIXTURES.glob("*.json")):
        document = orjson.loads(path.read_bytes())
        if "record_type" in document:  # a part of a webhook: its `data`, or an outbound message's payload
            part = {"event_type": "message.finalized", "payload": document}
            document = {"data": part if document["record_type"] == "message" else document}
        if isinstance(document.get("data"), dict):
            yield pytest.param(document, id=path.stem)


def type_of(webhook: Json) -> str:
    """The event_type, also of an example without a time."""
    data = webhook["data"]
    timed = webhook | {"data": {"occurred_at": "2026-01-01T00:00Z"} | data | {"occurred_at": "2026-01-01T00:00Z"}}
    found = read(builders.encode(timed))
    assert isinstance(found, Event)
    return found.type


def typed(webhook: Json) -> Family:
    """The family of a body. Asserts that its schema and its type both accept the body."""
    family = family_of(type_of(webhook))
    holds(family.schema, webhook)
    msgspec.json.decode(builders.encode(webhook), type=family.body)
    msgspec.convert(webhook, family.body)
    return family


def test_the_committed_schemas_are_the_generated_ones() -> None:
    committed = {path.name: path.read_bytes() for path in DIRECTORY.iterdir()}
    assert committed == documents(), "run `make schemas` and look at the difference"


@pytest.mark.parametrize("name", [*dict.fromkeys(family.schema for family in FAMILIES), *HEADERS])
def test_a_schema_is_valid_permissive_and_states_the_guarantee(name: str) -> None:
    found = schema(name)
    jsonschema.Draft7Validator.check_schema(found)
    assert GUARANTEE in found["description"]
    assert "Permissive" in found["description"]
    text = json.dumps(found)
    assert text.count('"properties"') == text.count('"additionalProperties": true')
    assert 'additionalProperties": false' not in text


@pytest.mark.parametrize("webhook", [pytest.param(webhook, id=type_of(webhook)) for webhook in built()])
def test_every_built_body_matches_its_schema_and_type(webhook: Json) -> None:
    typed(webhook)


@pytest.mark.parametrize("webhook", list(vendors()))
def test_every_vendor_example_matches_its_schema_and_type(webhook: Json) -> None:
    if "event_type" not in webhook["data"] and webhook["data"].get("record_type") != "link_clicked":
        with pytest.raises(jsonschema.ValidationError):
            holds("event", webhook)  # quarantined, so no event
        return
    typed(webhook)


def test_simulated_traffic_matches_its_schemas_and_types() -> None:
    schemas = set()
    for webhook in itertools.islice(traffic(7, seeded_clock()), 400):
        if isinstance(read(webhook.body), Event):
            schemas.add(typed(orjson.loads(webhook.body)).schema)
    assert {"message-received", "message-delivery"} <= schemas


def test_only_vendor_examples_without_an_envelope_are_left_out() -> None:
    names = {path.stem for path in FIXTURES.glob("*.json")} - {parameter.id for parameter in vendors()}
    assert names == {
        "kb_fundamentals_2",
        "kb_migration_v1_flat_delivery",
        "skills_whatsapp_account_restricted",
        "skills_whatsapp_quality_changed",
        "skills_whatsapp_template_approved",
    }


WORKED: list[tuple[str, Json, list[Any]]] = [
    ("10dlc.campaign.update", {"brandId": "b", "status": "failed", "reasons": None}, ["b", None]),
    ("10dlc.campaign.update", {"campaignId": "C4D06C2F", "nudgeIntent": "APPEAL_REJECTION"}, [None, "C4D06C2F"]),
    ("10dlc.campaign.update", {"campaignId": 7, "isTMobileRegistered": True}, [None, 7]),
]


@pytest.mark.parametrize(("event_type", "payload", "ids"), WORKED)
def test_a_campaign_type_decodes_partial_payloads(event_type: str, payload: Json, ids: list[Any]) -> None:
    webhook = builders.event(event_type, payload)
    found = msgspec.convert(webhook, typed(webhook).body).data.payload
    assert [found.brand_id, found.campaign_id] == ids
    assert found.is_t_mobile_registered is payload.get("isTMobileRegistered")


@pytest.mark.parametrize("name", published.bodies())
def test_published_examples_match_their_schemas(name: str) -> None:
    body = published.bodies()[name]
    headers = published.headers_of(published.record_of(body))
    if headers["ce_type"] == "ledger.quarantined":
        holds("quarantine-headers", headers)
        assert msgspec.convert(headers, QuarantineHeaders).ledger_reason == "webhook_api_v1"
        return
    holds("event-headers", headers)
    assert msgspec.convert(headers, EventHeaders).ce_type == headers["ce_type"]
    assert typed(orjson.loads(body)).event_types.takes(headers["ce_type"])


def test_published_records_are_those_that_ingest_publishes() -> None:
    assert (published.EXAMPLES / "records.json").read_bytes() == published.records_document()
    topics = {record["topic"] for record in orjson.loads(published.records_document())["records"]}
    assert topics == set(Topics().all)


def test_header_types_list_exactly_the_written_headers() -> None:
    for kind, example in ((EventHeaders, "message-received"), (QuarantineHeaders, "quarantined-webhook-api-v1")):
        written = published.headers_of(published.record_of(published.bodies()[f"{example}.json"]))
        assert {item.encode_name for item in msgspec.structs.fields(kind)} - {REPLAYED} == written.keys()


def test_listed_reasons_are_those_of_ingest_and_the_reader() -> None:
    assert {"stale_timestamp", "future_timestamp"} < set(QUARANTINE_REASONS)
    bodies = (b"", b'{"sms_id":1}', b"{}", b'{"data":{"a":' + b"[" * 254 + b"]" * 254 + b"}}", b'{"data":{}}')
    timeless = b'{"data":{"event_type":"x"}}'
    found = [read(body) for body in (*bodies, timeless)]
    assert tuple(getattr(item, "reason", None) for item in found) == QUARANTINE_REASONS[2:]
