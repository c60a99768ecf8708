"""schemas/asyncapi.yaml agrees with the code: topics, partitions, limits, keys, headers and the guarantee."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

import schemas
from projections.recovery.replay import REPLAYED
from schemas.contract.asyncapi import updated
from schemas.contract.json_schema import GUARANTEE
from schemas.families.table import FAMILIES
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
    """The target of a `$ref`: a place in the document, or a file beside it."""
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


def key_description(message: Json) -> str:
    return str(message["bindings"]["kafka"]["key"]["description"])


def messages_of(document: Json, topic: str) -> list[Json]:
    [channel] = [found for found in document["channels"].values() if address(found) == topic]
    return [follow(document, reference) for reference in channel["messages"].values()]


def test_every_reference_has_a_target(document: Json) -> None:
    found = references(document)
    assert len(found) > 40
    assert all(follow(document, reference) for reference in found)


def test_it_is_an_asyncapi_3_document(document: Json) -> None:
    assert document["asyncapi"] == "3.0.0"
    assert set(document) == {"asyncapi", "info", "defaultContentType", "channels", "operations", "components"}
    assert document["info"]["version"] == CONTRACT.decode()
    for operation in document["operations"].values():
        assert operation["action"] == "send"
    channels = [operation["channel"]["$ref"] for operation in document["operations"].values()]
    assert channels == [f"#/channels/{name}" for name in document["channels"]]


def test_topics_are_those_of_the_code(document: Json) -> None:
    channels = document["channels"].values()
    found = {address(channel): channel["bindings"]["kafka"] for channel in channels}
    assert {topic: binding["partitions"] for topic, binding in found.items()} == TOPICS.partitions
    limits = {"retention.ms": RETENTION_MS, "max.message.bytes": MAX_MESSAGE_BYTES}
    assert all(binding["topicConfiguration"] == limits for binding in found.values())
    assert all(channel["parameters"].keys() == {"prefix"} for channel in channels)
    assert document["components"]["parameters"]["prefix"]["default"] == "telnyx"


def test_the_guarantee_is_quoted_word_for_word(document: Json) -> None:
    assert GUARANTEE in document["info"]["description"]


def test_the_committed_document_is_the_generated_one() -> None:
    committed = (HERE / "asyncapi.yaml").read_text("utf-8")
    assert committed == updated(committed), "run `make schemas` and look at the difference"


def test_an_unknown_part_is_an_error() -> None:
    with pytest.raises(KeyError, match="unheard of"):
        updated("  # make schemas: unheard of\n  # end")


def test_every_family_is_a_message_of_its_topic(document: Json) -> None:
    for family in FAMILIES:
        schemas_of_topic = [payload_file(message) for message in messages_of(document, f"telnyx.{family.topic}")]
        assert family.schema in schemas_of_topic


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


# By example: the key of its record. None stands for the ce_id.
KEYS = {
    "message-received.json": "+13125550001",
    "message-finalized.json": "ac012cbf-5e09-46af-a69a-7c0e2d90993c",
    "campaign-verified.json": "751c6a5c-907b-43a9-8ada-ba1dc8335b07",
    "spend-limit-reached.json": None,
    "link-clicked.json": None,
    "quarantined-webhook-api-v1.json": None,
}


@pytest.mark.parametrize("name", published.bodies())
def test_the_key_of_an_example_is_the_described_one(document: Json, name: str) -> None:
    record = published.record_of(published.bodies()[name])
    event_type = published.headers_of(record)["ce_type"]
    [message] = [
        message
        for message in messages_of(document, record.topic)
        if message["summary"] != "*"
        and any(fnmatchcase(event_type, pattern) for pattern in message["summary"].split(", "))
    ]
    assert record.key.decode() == (KEYS[name] or record.event_key)
    assert key_description(message).endswith("which is the ce_id.") == (KEYS[name] is None)
