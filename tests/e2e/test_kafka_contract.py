"""The Kafka contract (docs/kafka.md), read by consumers without our code: plain clients, and the CloudEvents SDK.

Every expected value is written by hand from the contract. The code under test computes none of them.
"""

import asyncio
import base64
import hashlib
import json
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from nacl.signing import VerifyKey

from deploy.local_kafka.broker import LocalKafka
from tests.support.environment.http_sender import post
from tests.support.environment.kafka_mode import ACCOUNT, KafkaMode, Served, kafka_mode
from tests.support.environment.programs import Programs
from tests.support.webhooks import builders
from tests.support.webhooks.builders import KEY, NOON, encode, event, key_id, public_key

PARTITIONS = {"messages": 12, "10dlc": 3, "other": 3, "quarantine": 1}
SECOND = timedelta(seconds=1)
RFC3339_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
EVIDENCE = {
    "content-type", "telnyx-signature-ed25519", "telnyx-timestamp", "ledger_key_id", "ledger_received_at",
    "ledger_contract",
}  # fmt: skip
CONTEXT = {"ce_specversion", "ce_id", "ce_type", "ce_source"}
OWN_KEY = "the event key"


@dataclass(frozen=True)
class Sent:
    """A body and its expected record. `age_seconds` is the time since it was signed."""

    body: bytes
    topic: str
    key: str = OWN_KEY
    type: str = "ledger.quarantined"
    time: datetime | None = None
    reason: str | None = None
    age_seconds: int = 0

    @property
    def id(self) -> str:
        """Return BLAKE2b-128 of the canonical `data`, or of the whole body if there is none."""
        try:
            content = orjson.dumps(orjson.loads(self.body)["data"], option=orjson.OPT_SORT_KEYS)
        except (ValueError, KeyError, TypeError):
            content = self.body
        return str(uuid.UUID(bytes=hashlib.blake2b(content, digest_size=16).digest()))


def events() -> Iterator[Sent]:
    """Return one case per rule for topic, key, type and time, with the bodies in every style of JSON."""
    sent_at, done_at = NOON + timedelta(milliseconds=300), NOON + 2 * SECOND
    yield Sent(encode(builders.message_sent("kc-1")), "messages", "kc-1", "message.sent", sent_at)
    yield Sent(encode(builders.message_finalized("kc-1")), "messages", "kc-1", "message.finalized", done_at)
    read = event("message.read", {"id": 40017, "type": "RCS"}, at=NOON)
    yield Sent(encode(read), "messages", "40017", "message.read", NOON)
    nameless = event("message.sent", {"type": "SMS", "to": []}, at=NOON)
    yield Sent(encode(nameless), "messages", OWN_KEY, "message.sent", NOON)

    inbound = builders.message_received("kc-in", "+1 (312) 555-0077", "hello")
    yield Sent(encode(inbound), "messages", "+13125550077", "message.received", NOON)
    bare = event("message.received", {"id": "kc-in-2", "from": "13125550078"}, at=NOON)
    yield Sent(json.dumps(bare).encode(), "messages", "+13125550078", "message.received", NOON)
    agent = event("message.received", {"id": "kc-in-3", "from": {"agent_id": "agent-9"}}, at=NOON)
    yield Sent(encode(agent), "messages", "agent-9", "message.received", NOON)
    anonymous = event("message.received", {"id": "kc-in-4", "from": None}, at=NOON)
    yield Sent(encode(anonymous), "messages", OWN_KEY, "message.received", NOON)
    emoji = builders.message_received("kc-in-5", "+13125550079", "naïve 🙂 \u2028")
    yield Sent(json.dumps(emoji, ensure_ascii=True).encode(), "messages", "+13125550079", "message.received", NOON)
    nul = builders.message_received("kc-in-6", "+13125550080", "a\0b")
    yield Sent(b"\n\t " + encode(nul) + b" \r\n", "messages", "+13125550080", "message.received", NOON)
    long = builders.message_received("kc-in-7", "+13125550081", "long " * 40_000)
    yield Sent(encode(long), "messages", "+13125550081", "message.received", NOON)

    yield from of_the_registry()
    yield from of_other_families()


def of_the_registry() -> Iterator[Sent]:
    ids = {"campaignId": "kc-campaign", "brandId": "kc-brand", "phoneNumber": "+13125550082"}
    for missing, key in enumerate(["kc-campaign", "kc-brand", "+13125550082", OWN_KEY]):
        payload = dict(list(ids.items())[missing:])
        body = encode(event("10dlc.campaign.update", payload, at=NOON))
        yield Sent(body, "10dlc", key, "10dlc.campaign.update", NOON)
    yield Sent(encode(event("brand.update", {"brandId": "b"}, at=NOON)), "10dlc", "b", "brand.update", NOON)
    yield Sent(encode(event("campaign.x", {"campaignId": 7}, at=NOON)), "10dlc", "7", "campaign.x", NOON)


def of_other_families() -> Iterator[Sent]:
    for event_type in ("call.initiated", "10DLC.campaign.update", "messages.sent", "Message.sent", "événement"):
        yield Sent(encode(event(event_type, {"id": "kc-1"}, at=NOON)), "other", OWN_KEY, event_type, NOON)
    padded = event(" message.sent\n", {"id": "kc-2"}, at=NOON)
    yield Sent(encode(padded), "messages", "kc-2", "message.sent", NOON)
    click = encode(builders.link_clicked("kc-1"))
    yield Sent(click, "other", OWN_KEY, "link_clicked", NOON)
    for written, instant in {
        "2026-03-01T14:00:00.123456789+02:00": NOON + timedelta(microseconds=123456),
        "2026-03-01 12:00": NOON,
        "1970-01-01T00:00:00Z": datetime(1970, 1, 1, tzinfo=UTC),
    }.items():
        timed = event("fax.delivered", {"written": written}, at=NOON)
        timed["data"]["occurred_at"] = written
        yield Sent(encode(timed), "other", OWN_KEY, "fax.delivered", instant)
    mock = event("message.received", {"from": "+13125550083", "received_at": builders.moment(NOON)}, at=NOON)
    mock["data"]["occurred_at"] = "date-time"
    yield Sent(encode(mock), "messages", "+13125550083", "message.received", NOON)


def unreadable() -> Iterator[Sent]:
    """Return one case per reason. Outside the time window there is one event and one body that is not an event."""
    deep = b"[" * 300 + b"]" * 300
    for reason, body in {
        "not_json": b'{"data": kc}',
        "webhook_api_v1": b'{"sms_id":"kc"}',
        "no_data": b'{"event":"kc"}',
        "too_deep": b'{"data":{"kc":' + deep + b"}}",
        "no_event_type": b'{"data":{"id":"kc"}}',
        "no_occurred_at": b'{"data":{"event_type":"call.kc"}}',
    }.items():
        yield Sent(body, "quarantine", reason=reason)
    for reason, age in {"stale_timestamp": 400, "future_timestamp": -400}.items():
        yield Sent(encode(builders.message_sent(f"kc-{reason}")), "quarantine", reason=reason, age_seconds=age)
        yield Sent(f"kc {reason}".encode(), "quarantine", reason=reason, age_seconds=age)


ALL = [*events(), *unreadable()]


async def test_ingest_follows_the_contract(programs: Programs, broker: LocalKafka, empty_database_url: str) -> None:
    async with kafka_mode(programs, bootstrap=broker.bootstrap, database_url=empty_database_url) as (mode, ingest, _):
        began = datetime.now(UTC)
        stamps = {sent.id: await posted(ingest, sent) for sent in ALL}
        assert len(stamps) == len(ALL)
        records = await everything(mode, expected=len(ALL))
        by_id = {header(record, "ce_id"): record for record in records}
        assert by_id.keys() == stamps.keys(), "at least one record each; here, where nothing failed, exactly one"
        for sent in ALL:
            record = by_id[sent.id]
            where_it_is(mode, sent, record)
            check_record(sent, record)
            what_proves_it(sent, record, stamps[sent.id], began)
            what_the_sdk_makes_of_it(sent, record)
        await partitions_are_those_of_another_client(mode, records)


async def posted(ingest: Served, sent: Sent) -> int:
    """Return the second that was signed."""
    stamp = int(time.time()) - sent.age_seconds
    answer = await post(ingest.port, sent.body, signed_timestamp=stamp)
    if sent.age_seconds:
        expected: tuple[int, dict[str, str | None]] = (403, {"error": "signature", "reason": sent.reason})
    elif sent.reason:
        expected = (200, {"status": "quarantined", "reason": sent.reason})
    else:
        expected = (200, {"status": "accepted", "event_key": sent.id})
    assert (answer.status, answer.json) == expected
    return stamp


async def everything(mode: KafkaMode, *, expected: int) -> list[ConsumerRecord]:
    """Return all records of the four topics, whose partitions are those of the contract."""
    consumer = AIOKafkaConsumer(*mode.topics.values(), bootstrap_servers=mode.bootstrap, auto_offset_reset="earliest")
    await consumer.start()  # without a group: every partition is its own
    try:
        everywhere = [
            TopicPartition(mode.topics[kind], number) for kind, count in PARTITIONS.items() for number in range(count)
        ]
        assert consumer.assignment() == set(everywhere)
        ends = await consumer.end_offsets(everywhere)
        assert sum(ends.values()) == expected
        records: list[ConsumerRecord] = []
        async with asyncio.timeout(20):
            while len(records) < expected:
                for some in (await consumer.getmany(timeout_ms=500)).values():
                    records += some
    finally:
        await consumer.stop()
    return records


def header(record: ConsumerRecord, name: str) -> str:
    (value,) = [value for given, value in record.headers if given == name]
    assert isinstance(value, bytes)
    return value.decode()


def where_it_is(mode: KafkaMode, sent: Sent, record: ConsumerRecord) -> None:
    key = (sent.id if sent.key == OWN_KEY else sent.key).encode()
    assert record.topic == mode.topics[sent.topic]
    assert record.key == key
    assert record.partition == (murmur2(key) & 0x7FFFFFFF) % PARTITIONS[sent.topic]
    assert record.value == sent.body


def check_record(sent: Sent, record: ConsumerRecord) -> None:
    names = [name for name, _ in record.headers]
    assert len(names) == len(set(names))
    assert set(names) == CONTEXT | EVIDENCE | ({"ledger_reason"} if sent.reason else {"ce_time"})
    assert header(record, "ce_specversion") == "1.0"
    assert header(record, "ce_type") == sent.type
    assert header(record, "ce_source") == f"telnyx/{ACCOUNT}"
    assert header(record, "content-type") == "application/json"
    assert header(record, "ledger_contract") == "1"
    if sent.reason:
        assert header(record, "ledger_reason") == sent.reason
    else:
        assert instant(header(record, "ce_time")) == sent.time


def what_proves_it(sent: Sent, record: ConsumerRecord, stamp: int, began: datetime) -> None:
    signature = base64.b64decode(header(record, "telnyx-signature-ed25519"), validate=True)
    assert header(record, "telnyx-timestamp") == str(stamp)
    VerifyKey(public_key()).verify(f"{stamp}|".encode() + record.value, signature)
    assert header(record, "ledger_key_id") == key_id(KEY) == hashlib.sha256(public_key()).hexdigest()[:16]
    assert began <= instant(header(record, "ledger_received_at")) <= datetime.now(UTC)


def instant(written: str) -> datetime:
    assert RFC3339_UTC.fullmatch(written), written
    return datetime.fromisoformat(written)


def what_the_sdk_makes_of_it(sent: Sent, record: ConsumerRecord) -> None:
    found = from_binary_event(KafkaMessage(headers=dict(record.headers), key=record.key, value=record.value))
    assert (found.get_specversion(), found.get_id()) == ("1.0", sent.id)
    assert (found.get_type(), found.get_source()) == (sent.type, f"telnyx/{ACCOUNT}")
    assert found.get_datacontenttype() == "application/json"
    if sent.reason is None:
        assert found.get_time() == sent.time
        assert found.get_data() == json.loads(sent.body)


def murmur2(key: bytes) -> int:
    """Return MurmurHash2 with the seed of Kafka's Java client, as an unsigned 32-bit number."""
    scramble, bits = 0x5BD1E995, 0xFFFFFFFF
    state = 0x9747B28C ^ len(key)
    whole = len(key) // 4 * 4
    for start in range(0, whole, 4):
        word = int.from_bytes(key[start : start + 4], "little") * scramble & bits
        word = (word ^ word >> 24) * scramble & bits
        state = (state * scramble & bits) ^ word
    if tail := key[whole:]:
        state = (state ^ int.from_bytes(tail, "little")) * scramble & bits
    state = (state ^ state >> 13) * scramble & bits
    return state ^ state >> 15


# From the tests of Kafka's own client (org.apache.kafka.common.utils.UtilsTest).
@pytest.mark.parametrize(
    ("key", "signed"),
    [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536), (b"abc", 479470107)],
)
def test_our_partitioner_equals_the_java_clients(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed & 0xFFFFFFFF


async def partitions_are_those_of_another_client(mode: KafkaMode, records: list[ConsumerRecord]) -> None:
    """Another producer that writes the same keys reaches the same partitions as our records."""
    producer = AIOKafkaProducer(bootstrap_servers=mode.bootstrap)
    await producer.start()
    try:
        for record in records:
            theirs: Any = await producer.send_and_wait(record.topic, b"{}", key=record.key)
            assert theirs.partition == record.partition
    finally:
        await producer.stop()
