"""A bounded part of `make fuzz`, and the whole corpus."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random

import asyncpg
import pytest

from projections.engine.batch import BatchPreparer
from projections.engine.projection import Routing
from projections.rebuild.rebuild import check
from projections.registry import PROJECTIONS
from tests.fuzzing import corpus, flips, reading
from tests.fuzzing.bodies import bodies
from tests.fuzzing.endpoint import ANSWERS, Endpoint, fuzz, send_all
from tests.fuzzing.requests import Conversation
from tests.support.environment.programs import Programs
from tests.support.projections.apply import closing, incoming, new_projector
from tests.support.streams import Webhook

SEED = 20260301
REASONS = {"event", "not_json", "no_data", "webhook_api_v1", "too_deep", "no_event_type", "no_occurred_at"}


@pytest.fixture
async def endpoint(programs: Programs) -> AsyncIterator[Endpoint]:
    async with Endpoint.started(programs) as started:
        yield started


async def test_no_body_makes_anything_raise() -> None:
    assert set(await reading.run(SEED, 20_000)) == REASONS


async def test_a_body_that_makes_something_raise_is_saved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def planted(name: str) -> bool:
        return name == "message.read" and 1 // 0 == 0

    (tmp_path / "bodies").mkdir()
    monkeypatch.setattr(corpus, "HERE", tmp_path)
    monkeypatch.setattr("projections.tables.deliveries.observations", planted)
    with pytest.raises(reading.HarmfulBody):
        await reading.run(SEED, 1000)
    assert len(corpus.load("bodies")) == 1


async def test_the_bodies_of_the_corpus_do_no_harm() -> None:
    preparer = BatchPreparer(Routing(PROJECTIONS), verify=False)
    try:
        found = corpus.load("bodies")
        assert len(await reading.checked(preparer, found)) == len(found) > 0
    finally:
        preparer.close()


async def test_no_body_makes_a_statement_fail(database_url: str, connection: asyncpg.Connection) -> None:
    received_at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    given = [*corpus.load("bodies"), *islice(bodies(Random(SEED)), 3000)]
    async with closing(new_projector(database_url)) as projector:
        for start in range(0, len(given), 250):
            batch = [incoming(Webhook(body, "a", received_at)) for body in given[start : start + 250]]
            assert (await projector.apply(batch)).dead_letters == {}
    assert await connection.fetchval("select count(payload) from telnyx.event_payloads") > 500
    outcomes = await check(database_url, PROJECTIONS)
    assert [difference for outcome in outcomes for difference in outcome.drift] == []


async def test_no_broken_request_harms_ingest(endpoint: Endpoint) -> None:
    statuses = await fuzz(endpoint, SEED, 4000)
    assert statuses.keys() >= ANSWERS - {100, 408}  # else the mutations are too weak


async def test_the_requests_of_the_corpus_do_no_harm(endpoint: Endpoint) -> None:
    conversations = [Conversation([content]) for content in corpus.load("requests")]
    assert conversations
    await send_all(endpoint, conversations * 20)
    await endpoint.assert_works()


async def test_a_webhook_with_a_flipped_bit_is_refused(endpoint: Endpoint) -> None:
    statuses = await flips.assert_all_refused(endpoint, SEED, 8000)
    assert statuses.total() == 8000
