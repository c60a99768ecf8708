"""The HTTP table of the contract for what is genuine, case by case, over a socket: 200 once it is kept, or else 503."""

import asyncio

import pytest

from tests.support.ingest.fakes import FakeDurable
from tests.support.ingest.ingest_server import BODY, Site, key_of, running, site
from tests.support.webhooks.builders import again, encode, message_finalized, message_sent, unknown_event

__all__ = ["site"]  # a fixture


# --- 200 ---


async def test_a_new_event_is_accepted_under_its_key(site: Site) -> None:
    reply = await site.post(BODY)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert reply.body == b'{"status":"accepted","event_key":"%b"}' % key_of(BODY).encode()
    assert site.durable.keys() == [key_of(BODY)]
    assert site.durable.records[0].value == BODY


async def test_another_attempt_of_an_event_is_a_duplicate(site: Site) -> None:
    await site.post(BODY)
    reply = await site.post(encode(again(message_finalized())))
    assert (reply.status, reply.json) == (200, {"status": "duplicate", "event_key": key_of(BODY)})
    assert site.durable.calls == 1


async def test_an_event_that_is_stored_already_is_a_duplicate_after_a_restart(site: Site) -> None:
    site.store.stored.add(key_of(BODY))
    assert (await site.post(BODY)).json["status"] == "duplicate"
    assert site.durable.calls == 0


async def test_an_event_that_waits_in_the_spool_is_a_duplicate_after_a_restart() -> None:
    durable = FakeDurable([("telnyx.messages", key_of(BODY))])
    async with running(durable=durable) as site:
        assert (await site.post(BODY)).json["status"] == "duplicate"


async def test_an_unknown_event_type_is_accepted(site: Site) -> None:
    assert (await site.post(encode(unknown_event()))).json["status"] == "accepted"
    assert site.durable.records[0].topic == "telnyx.other"


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
async def test_what_is_signed_but_not_understood_is_quarantined_however_often(
    site: Site, body: bytes, reason: str
) -> None:
    for _ in range(2):
        reply = await site.post(body)
        assert (reply.status, reply.body) == (200, b'{"status":"quarantined","reason":"%b"}' % reason.encode())
    assert [record.topic for record in site.durable.records] == ["telnyx.quarantine"]


# --- 503 ---


@pytest.mark.parametrize("body", [BODY, b"not json"])
async def test_what_is_not_durable_anywhere_is_503_and_may_be_tried_again(site: Site, body: bytes) -> None:
    site.durable.can_accept = False
    reply = await site.post(body)
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert reply.body == b'{"error":"unavailable"}'
    site.durable.can_accept = True
    assert (await site.post(body)).json["status"] != "duplicate"
    assert len(site.durable.records) == 1


async def test_everything_is_answered_within_two_seconds_when_nothing_gets_durable(site: Site) -> None:
    site.durable.gate.clear()
    async with asyncio.timeout(2):
        replies = await asyncio.gather(*(site.post(encode(message_sent(f"m-{n}"))) for n in range(50)))
    assert {reply.status for reply in replies} == {503}
