"""schemas/asyncapi.yaml says what the code does: topics, partitions, limits, keys, headers, and the promise itself."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

import schemas
from projections.recovery.replay import REPLAYED
from schemas.families.json_schema import FAMILIES, GUARANTEE, family_of
from schemas.kafka.record import CONTRACT
from schemas.kafka.topics import MAX_MESSAGE_BYTES, RETENTION_MS, Topics
from tests.support.webhooks import published_examples as published

HERE = Path(schemas.__file__).parent
TOPICS = Topics()
Json = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Json:
    found: Json = yaml.safe_load((HERE / "asyncapi.yaml").read_text("utf-8"))
    return found


def follow(document: Json, reference: Json) -> Any:
    """What a `$ref` leads to: a place in the document, or a file beside it."""
    target = reference["$ref"]
    if target.startswith("./"):
        return orjson.loads((HERE / target).read_bytes())
    found: Any = document
    for step in target.removeprefix("#/").split("/"):
        found = found[step]
    return found


def references(value: Any) -> list[Json]:
    """Every `$ref` at any depth."""
    if isinstance(value, list):
        return [found for item in value for found in references(item)]
    if not isinstance(value, dict):
        return []
    return [value] if "$ref" in value else [found for item in value.values() for found in references(item)]


def address(channel: Json) -> str:
    return str(channel["address"]).format(prefix="telnyx")


def payload_file(message: Json) -> str | None:
    reference = message["payload"].get("schema", {}).get("$ref")
    return None if reference is None else reference.removeprefix("./json/").removesuffix(".json")


def messages_of(document: Json, topic: str) -> list[Json]:
    [channel] = [found for found in document["channels"].values() if address(found) == topic]
    return [follow(document, reference) for reference in channel["messages"].values()]


def test_every_reference_leads_somewhere(document: Json) -> None:
    found = references(document)
    assert len(found) > 40
    assert all(follow(document, reference) for reference in found)


def test_it_is_an_asyncapi_3_document(document: Json) -> None:
    assert document["asyncapi"] == "3.0.0"
    assert set(document) == {"asyncapi", "info", "defaultContentType", "channels", "operations", "components"}
    assert document["info"]["version"] == CONTRACT.decode()
    for operation in document["operations"].values():
        assert operation["action"] == "send"
    told = [operation["channel"]["$ref"] for operation in document["operations"].values()]
    assert told == [f"#/channels/{name}" for name in document["channels"]]


def test_topics_are_those_of_the_code(document: Json) -> None:
    channels = document["channels"].values()
    found = {address(channel): channel["bindings"]["kafka"] for channel in channels}
    assert {topic: binding["partitions"] for topic, binding in found.items()} == TOPICS.partitions
    limits = {"retention.ms": RETENTION_MS, "max.message.bytes": MAX_MESSAGE_BYTES}
    assert all(binding["topicConfiguration"] == limits for binding in found.values())
    assert all(channel["parameters"].keys() == {"prefix"} for channel in channels)
    assert document["components"]["parameters"]["prefix"]["default"] == "telnyx"


def test_the_promise_is_given_word_for_word(document: Json) -> None:
    assert GUARANTEE in document["info"]["description"]


def test_every_family_is_a_message_of_the_topic_it_goes_to(document: Json) -> None:
    for family in FAMILIES[:-1]:
        for event_type in family.event_types:
            told = [payload_file(message) for message in messages_of(document, TOPICS.of(event_type))]
            assert family.name in told
    for topic in (TOPICS.messages, TOPICS.ten_dlc, TOPICS.other):
        assert payload_file(messages_of(document, topic)[-1]) == family_of("unheard.of").name


def test_every_message_is_of_a_family_and_names_its_event_types(document: Json) -> None:
    families = {family.name: family for family in FAMILIES}
    for name, message in document["components"]["messages"].items():
        if name != "quarantined":
            family = families.pop(str(payload_file(message)))
            assert message["summary"] == ", ".join(family.event_types)
            assert message["traits"] == [{"$ref": "#/components/messageTraits/event"}]
    assert not families


def test_headers_are_those_of_the_records(document: Json) -> None:
    components = document["components"]
    for name, described in (
        ("message-received", components["messageTraits"]["event"]),
        ("quarantined-webhook-api-v1", components["messages"]["quarantined"]),
    ):
        headers = published.headers_of(published.record_of(published.bodies()[f"{name}.json"]))
        found = follow(document, described["headers"]["schema"])
        assert set(found["required"]) == set(found["properties"]) - {REPLAYED} == set(headers)
        assert described["contentType"] == headers["content-type"]


KEYS = {
    "message-received.json": "The sender's number.",
    "message-finalized.json": "The id of the message.",
    "campaign-verified.json": "Campaign id, else brand id, else phone number.",
    "spend-limit-reached.json": "The event_key, which is the ce_id.",
    "link-clicked.json": "The event_key, which is the ce_id.",
    "quarantined-webhook-api-v1.json": "The quarantine key, which is the ce_id.",
}
VALUES = {
    "The sender's number.": "+13125550001",
    "The id of the message.": "ac012cbf-5e09-46af-a69a-7c0e2d90993c",
    "Campaign id, else brand id, else phone number.": "751c6a5c-907b-43a9-8ada-ba1dc8335b07",
}


@pytest.mark.parametrize("name", KEYS)
def test_the_key_of_a_record_is_what_is_told(document: Json, name: str) -> None:
    record = published.record_of(published.bodies()[name])
    event_type = published.headers_of(record)["ce_type"]
    [message] = [
        message
        for message in messages_of(document, record.topic)
        if message["summary"] != "*"
        and any(fnmatchcase(event_type, pattern) for pattern in message["summary"].split(", "))
    ]
    assert message["bindings"]["kafka"]["key"]["description"] == KEYS[name]
    assert record.key.decode() == VALUES.get(KEYS[name], record.event_key)


def test_every_example_has_a_key_that_is_told() -> None:
    assert set(KEYS) == set(published.bodies())
