"""A Kafka outage, with room in the spool and with a full spool: the answers meanwhile, and full recovery."""

import asyncio

from deploy.local_kafka.broker import LocalKafka
from tests.faults.injected.kafka_outage import kafka_outage
from tests.faults.run import explained
from tests.support.environment.http_sender import post
from tests.support.environment.kafka_mode import KafkaMode
from tests.support.environment.programs import Programs
from tests.support.environment.waiting import eventually
from tests.support.webhooks.builders import encode, message_sent

OUTAGE_SECONDS = 20
SMALL_SPOOL = 1024 * 1024
PADDING = b" " * 100_000


async def test_webhooks_are_accepted_during_a_kafka_outage(kafka_programs: None, programs: Programs) -> None:
    with explained(programs):
        figures = await kafka_outage(programs, seconds=OUTAGE_SECONDS, rate=200)
    assert figures["spooled"] > 0
    # `python -m tests.faults --outage 600` requires all of them and a 99th percentile below 0.1 s.
    assert figures["accepted_meanwhile"] > figures["answers_meanwhile"] * 0.9
    assert figures["median_seconds"] < 1


async def test_a_full_spool_answers_503_with_retry_after_and_recovers(
    own_broker: LocalKafka, database_url: str, programs: Programs
) -> None:
    with explained(programs):
        mode = KafkaMode(programs, bootstrap=own_broker.bootstrap, database_url=database_url)
        await asyncio.to_thread(mode.prepare)
        ingest = await mode.ingest(LEDGER_SPOOL_MAX_BYTES=str(SMALL_SPOOL))
        own_broker.kill()
        large = [encode(message_sent(f"large-{number}")) + PADDING for number in range(15)]
        bodies = large + [encode(message_sent(f"full-{number}")) for number in range(150)]
        answers = [await post(ingest.port, body) for body in bodies]
        assert {answer.status for answer in answers} == {200, 503}
        refused = [answer for answer in answers if answer.status == 503]
        assert all(answer.headers["retry-after"] == "1" for answer in refused)
        assert {answer.json["error"] for answer in refused} == {"unavailable"}
        assert answers[-1].status == 503
        # Ingest no longer waits for Kafka.
        await eventually(ingest.ready, lambda status: status == 503, timeout_seconds=60)
        await asyncio.to_thread(own_broker.start)
        await eventually(ingest.ready, lambda status: status == 200, timeout_seconds=60)
        again = [await post(ingest.port, body) for body in bodies]
        assert {answer.status for answer in again} == {200}
