"""Every outcome of the webhook path is answered where no line can be logged, and the lines are counted."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator

import pytest
import structlog

from deploy import logs
from ingest.metrics import OUTCOMES, IngestMetrics
from tests.support.ingest.fakes import FakeDurable
from tests.support.ingest.ingest_server import BODY, NOW, Reply, RunningIngest, request, running
from tests.support.webhooks.builders import OTHER_KEY, encode, message_sent, signed_headers


@pytest.fixture
async def ingest() -> AsyncIterator[RunningIngest]:
    """Ingest whose log is a pipe without a reader."""
    root = logging.getLogger()
    kept = root.handlers[:], root.level
    reading, writing = os.pipe()
    os.close(reading)
    metrics = IngestMetrics()
    with os.fdopen(writing, "w") as stream:
        logs.configure("info", stream, on_failure=metrics.log_failures.inc)
        structlog.configure(cache_logger_on_first_use=False)  # or the loggers of all modules would keep this stream
        async with running(metrics=metrics, limits={"answer_seconds": 0.3}) as found:
            yield found
    structlog.reset_defaults()
    root.handlers[:], root.level = kept[0], kept[1]


async def test_every_outcome_is_answered_and_counted(ingest: RunningIngest) -> None:
    genuine = signed_headers(BODY, NOW)
    stale, early = encode(message_sent("stale")), encode(message_sent("early"))
    forged = encode(message_sent("forged"))
    answers = [
        (await ingest.post(BODY)).status,
        (await ingest.post(BODY)).status,
        (await ingest.post(b"not json")).status,
        (await ingest.ask(request(BODY, {}))).status,
        (await ingest.ask(request(BODY, genuine | {"telnyx-timestamp": "soon"}))).status,
        (await ingest.ask(request(forged, signed_headers(forged, NOW, OTHER_KEY)))).status,
        (await ingest.ask(request(stale, signed_headers(stale, NOW - 1_000)))).status,
        (await ingest.ask(request(early, signed_headers(early, NOW + 1_000)))).status,
        (await ingest.ask(request(b"x" * 300_000, genuine))).status,
        (await ingest.ask(request(BODY, genuine)[:-10])).status,
        (await ingest.ask(request(BODY, genuine | {"content-encoding": "gzip"}))).status,
        (await ingest.ask(request(b"", {}, path="/elsewhere"))).status,
        (await ingest.ask(request(b"", {}, method="GET"))).status,
        (await nothing_durable(ingest)).status,
    ]
    assert answers == [200, 200, 200, 403, 403, 403, 403, 403, 413, 408, 415, 404, 405, 503]
    async with ingest.connect() as connection:
        await connection.send(request(BODY, genuine)[:-10])
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.05)
    expected = set(OUTCOMES) - {"not_found"}  # that of the webhook path needs nine keys
    assert {outcome for outcome in OUTCOMES if ingest.count(outcome)} >= expected - NEWER
    lost = ingest.metrics.registry.get_sample_value("ledger_log_failures_total") or 0
    assert lost >= 9


# Outcomes that no request of this test can cause.
NEWER = {"internal_error"}


async def nothing_durable(ingest: RunningIngest) -> Reply:
    ingest.durable.can_accept = False
    try:
        return await ingest.post(encode(message_sent("nowhere")))
    finally:
        ingest.durable.can_accept = True


async def test_an_error_that_nobody_expects_is_answered(ingest: RunningIngest) -> None:
    async def fails(*_: object) -> None:
        raise KeyError("a bug")

    assert isinstance(ingest.durable, FakeDurable)
    ingest.durable.persist = fails  # type: ignore[assignment]
    assert (await ingest.post(encode(message_sent("bug")))).status == 500
    ready = await ingest.ask(request(b"", {}, method="GET", path="/health/ready"))
    assert ready.status == 200
