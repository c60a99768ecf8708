"""Recent keys, deliveries in flight, and look-ups that form batches."""

import asyncio
from collections.abc import Sequence

import pytest

from ingest.admission.dedupe import Dedupe, DedupeResult, LookupKey, LookUps, RecentKeys
from ingest.metrics import IngestMetrics
from schemas.reading.event import Event, read
from tests.support.ingest.fakes import FakeDurable, FakeStore
from tests.support.webhooks.builders import encode, message_sent


def wanted(number: int) -> LookupKey:
    event = read(encode(message_sent(f"m-{number}")))
    assert isinstance(event, Event)
    return LookupKey.of(event)


def test_the_newest_keys_are_kept_and_the_oldest_forgotten() -> None:
    recent = RecentKeys(generation_keys=3)
    for number in range(10):
        recent.add(str(number))
    assert [str(number) in recent for number in range(10)] == [number >= 6 for number in range(10)]


def test_of_the_keys_at_the_start_the_newest_are_kept() -> None:
    recent = RecentKeys(map(str, range(10)), generation_keys=3)
    assert [str(number) in recent for number in range(10)] == [number < 3 for number in range(10)]


class Work:
    """Work that ends when the test says so."""

    def __init__(self) -> None:
        self.begun = 0
        self.end: asyncio.Future[DedupeResult] = asyncio.get_running_loop().create_future()

    async def __call__(self) -> DedupeResult:
        self.begun += 1
        return await asyncio.shield(self.end)


@pytest.mark.parametrize(
    ("outcome", "others"),
    [
        (DedupeResult.NEW, DedupeResult.KNOWN),
        (DedupeResult.KNOWN, DedupeResult.KNOWN),
        (DedupeResult.FAILED, DedupeResult.FAILED),
    ],
)
async def test_the_first_delivery_decides_for_the_others(outcome: DedupeResult, others: DedupeResult) -> None:
    dedupe, work = Dedupe(RecentKeys()), Work()
    tasks = [asyncio.create_task(dedupe.once("k", work)) for _ in range(3)]
    await asyncio.sleep(0)
    work.end.set_result(outcome)
    assert await asyncio.gather(*tasks) == [outcome, others, others]
    assert work.begun == 1
    assert dedupe.knows("k") == (outcome is not DedupeResult.FAILED)


async def test_a_failure_is_not_remembered() -> None:
    dedupe, work = Dedupe(RecentKeys()), Work()
    work.end.set_result(DedupeResult.FAILED)
    assert [await dedupe.once("k", work) for _ in range(2)] == [DedupeResult.FAILED, DedupeResult.FAILED]
    assert work.begun == 2


async def test_after_a_cancelled_first_delivery_another_does_the_work() -> None:
    dedupe, work = Dedupe(RecentKeys()), Work()
    tasks = [asyncio.create_task(dedupe.once("k", work)) for _ in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.sleep(0.01)
    assert work.begun == 2
    work.end.set_result(DedupeResult.NEW)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert outcomes[1:] == [DedupeResult.NEW, DedupeResult.KNOWN]


async def test_a_cancelled_waiting_delivery_changes_nothing() -> None:
    dedupe, work = Dedupe(RecentKeys()), Work()
    tasks = [asyncio.create_task(dedupe.once("k", work)) for _ in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.sleep(0)
    work.end.set_result(DedupeResult.NEW)
    assert await tasks[0] is DedupeResult.NEW
    assert await tasks[2] is DedupeResult.KNOWN


async def test_keys_do_not_affect_each_other() -> None:
    dedupe, work = Dedupe(RecentKeys()), Work()
    work.end.set_result(DedupeResult.NEW)
    assert [await dedupe.once(key, work) for key in ("a", "b", "a")] == [
        DedupeResult.NEW,
        DedupeResult.NEW,
        DedupeResult.KNOWN,
    ]


async def test_events_that_arrive_during_a_query_form_the_next_one() -> None:
    store = FakeStore()
    look_ups = LookUps(store, IngestMetrics(), wait_for_idle_producer=FakeDurable().wait_for_idle_producer)
    events = [wanted(number) for number in range(10)]
    store.stored = {events[1].event_key, events[5].event_key}
    store.gate.clear()
    tasks = [asyncio.create_task(look_ups.stored(events[0]))]
    await asyncio.sleep(0.01)
    tasks += [asyncio.create_task(look_ups.stored(other)) for other in events[1:]]
    await asyncio.sleep(0.01)
    assert [len(query) for query in store.queries] == [1]
    store.gate.set()
    assert [number for number, found in enumerate(await asyncio.gather(*tasks)) if found] == [1, 5]
    assert [len(query) for query in store.queries] == [1, 9]
    assert store.queries[0] == [events[0]]


async def test_events_that_arrive_before_the_producer_is_idle_share_a_query() -> None:
    store, turn = FakeStore(), asyncio.Event()

    async def wait_for_idle_producer() -> None:
        await turn.wait()

    look_ups = LookUps(store, IngestMetrics(), wait_for_idle_producer=wait_for_idle_producer)
    tasks = []
    for number in range(3):
        tasks.append(asyncio.create_task(look_ups.stored(wanted(number))))
        await asyncio.sleep(0.01)
    assert store.queries == []
    turn.set()
    assert await asyncio.gather(*tasks) == [False] * 3
    assert [len(query) for query in store.queries] == [3]


async def test_a_failed_query_answers_every_waiting_event_at_once() -> None:
    store, metrics = FakeStore(), IngestMetrics()
    look_ups = LookUps(store, metrics, wait_for_idle_producer=FakeDurable().wait_for_idle_producer)
    store.gate.clear()
    store.broken = True
    tasks = [asyncio.create_task(look_ups.stored(wanted(0)))]
    await asyncio.sleep(0.01)
    tasks += [asyncio.create_task(look_ups.stored(wanted(number))) for number in range(1, 5)]
    await asyncio.sleep(0.01)
    store.gate.set()
    assert await asyncio.gather(*tasks) == [False] * 5
    assert await look_ups.stored(wanted(9)) is False
    assert len(store.queries) == 1
    assert metrics.registry.get_sample_value("ledger_store_look_ups_total", {"result": "away"}) == 6


async def test_a_cancelled_look_up_leaves_the_others_their_answer() -> None:
    store = FakeStore()
    look_ups = LookUps(store, IngestMetrics(), wait_for_idle_producer=FakeDurable().wait_for_idle_producer)
    store.gate.clear()
    tasks = [asyncio.create_task(look_ups.stored(wanted(number))) for number in range(3)]
    await asyncio.sleep(0.01)
    tasks[0].cancel()
    store.gate.set()
    assert await asyncio.gather(*tasks[1:]) == [False, False]


class BuggyStore(FakeStore):
    """Raises an error that nobody expects."""

    async def which_are_stored(self, wanted: Sequence[LookupKey]) -> set[str]:
        await super().which_are_stored(wanted)
        raise KeyError("a bug")


async def test_an_unexpected_error_of_the_store_answers_everyone_who_waits() -> None:
    store, metrics = BuggyStore(), IngestMetrics()
    look_ups = LookUps(store, metrics, wait_for_idle_producer=FakeDurable().wait_for_idle_producer)
    store.gate.clear()
    tasks = [asyncio.create_task(look_ups.stored(wanted(0)))]
    await asyncio.sleep(0.01)
    tasks += [asyncio.create_task(look_ups.stored(wanted(number))) for number in range(1, 5)]
    await asyncio.sleep(0.01)
    store.gate.set()
    async with asyncio.timeout(2):
        assert await asyncio.gather(*tasks) == [False] * 5
        assert await look_ups.stored(wanted(9)) is False


async def test_an_unexpected_error_before_the_query_answers_everyone_who_waits() -> None:
    async def wait_for_idle_producer() -> None:
        await asyncio.sleep(0.01)
        raise RuntimeError("a bug")

    look_ups = LookUps(FakeStore(), IngestMetrics(), wait_for_idle_producer=wait_for_idle_producer)
    async with asyncio.timeout(2):
        assert await asyncio.gather(*(look_ups.stored(wanted(number)) for number in range(3))) == [False] * 3
