"""The HTTP contract for genuine webhooks, over a socket: 200 once the event is durable, else 503."""

import asyncio

import pytest

from tests.support.ingest.fakes import FakeDurable
from tests.support.ingest.ingest_server import BODY, RunningIngest, key_of, running
from tests.support.webhooks.builders import again, encode, message_finalized, message_sent, unknown_event

# --- 200 ---


async def test_a_new_event_is_accepted_under_its_key(ingest: RunningIngest) -> None:
    reply = await ingest.post(BODY)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert reply.body == b'{"status":"accepted","event_key":"%b"}' % key_of(BODY).encode()
    assert ingest.durable.keys() == [key_of(BODY)]
    assert ingest.durable.records[0].value == BODY


async def test_another_attempt_of_an_event_is_a_duplicate(ingest: RunningIngest) -> None:
    await ingest.post(BODY)
    reply = await ingest.post(encode(again(message_finalized())))
    assert (reply.status, reply.json) == (200, {"status": "duplicate", "event_key": key_of(BODY)})
    assert ingest.durable.calls == 1


async def test_an_event_that_is_stored_already_is_a_duplicate_after_a_restart(ingest: RunningIngest) -> None:
    ingest.store.stored.add(key_of(BODY))
    assert (await ingest.post(BODY)).json["status"] == "duplicate"
    assert ingest.durable.calls == 0


async def test_an_event_that_waits_in_the_spool_is_a_duplicate_after_a_restart() -> None:
    durable = FakeDurable([("telnyx.messages", key_of(BODY))])
    async with running(durable=durable) as ingest:
        assert (await ingest.post(BODY)).json["status"] == "duplicate"


async def test_an_unknown_event_type_is_accepted(ingest: RunningIngest) -> None:
    assert (await ingest.post(encode(unknown_event()))).json["status"] == "accepted"
    assert ingest.durable.records[0].topic == "telnyx.other"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"not json", "not_json"),
        (b'{"sms_id":"1"}', "webhook_api_v1"),
        (b"[]", "no_data"),
        (b'{"data":' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"}", "too_deep"),
        (b'{"data":{}}', "no_event_type"),
        (b'{"data":{"event_type":"message.sent"}}', "no_occurred_at"),
    ],
)
async def test_signed_unreadable_bodies_are_quarantined_once(ingest: RunningIngest, body: bytes, reason: str) -> None:
    for _ in range(2):
        reply = await ingest.post(body)
        assert (reply.status, reply.body) == (200, b'{"status":"quarantined","reason":"%b"}' % reason.encode())
    assert [record.topic for record in ingest.durable.records] == ["telnyx.quarantine"]


# --- 503 ---


@pytest.mark.parametrize("body", [BODY, b"not json"])
async def test_an_event_that_nothing_can_store_is_503_and_can_be_retried(ingest: RunningIngest, body: bytes) -> None:
    ingest.durable.can_accept = False
    reply = await ingest.post(body)
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert reply.body == b'{"error":"unavailable"}'
    ingest.durable.can_accept = True
    assert (await ingest.post(body)).json["status"] != "duplicate"
    assert len(ingest.durable.records) == 1


async def test_every_request_is_answered_within_two_seconds_when_nothing_is_durable(ingest: RunningIngest) -> None:
    ingest.durable.gate.clear()
    async with asyncio.timeout(2):
        replies = await asyncio.gather(*(ingest.post(encode(message_sent(f"m-{n}"))) for n in range(50)))
    assert {reply.status for reply in replies} == {503}
