"""Faults of projectors and of Postgres, and those of everything at once."""

import asyncio
import os
import shutil
import signal
import subprocess

from aiokafka import AIOKafkaConsumer

from tests.faults.catalogue import fault, hold, wait_until_spooled
from tests.faults.cluster.cluster import PATIENCE_SECONDS, Cluster, is_stopped, wait_long_for
from tests.faults.injected.ingest_faults import ingest_cut_off_from_kafka
from tests.support.environment.kafka import admin, delete_topics
from tests.support.environment.waiting import eventually, until
from tests.support.webhooks.builders import KEY, OTHER_KEY

EXPELLED_SECONDS = 12  # beyond the session timeout of the group, 9 s
IN_FLIGHT_SECONDS = 5.5  # longer than a sender waits for an answer
POISON_EVENTS = 2  # for each projector: dead letters, and no suspension
BUG_EVENTS = 1_000_000
APPLIED = "select coalesce(sum(next_offset), 0)::bigint from telnyx.projection_offsets where topic = $1"
ARE_BROKEN = "select count(*) from telnyx.dead_letters where projection = 'inbound'"
STATUS = "select status from telnyx.projection_state where name = 'inbound'"


@fault("projector killed", "projector", ends=True)
async def projector_killed(cluster: Cluster) -> None:
    await cluster.restart_projector(signal.SIGKILL)


@fault("SIGTERM of a projector", "projector", ends=True)
async def projector_stopped(cluster: Cluster) -> None:
    assert await cluster.restart_projector(signal.SIGTERM) == 0


@fault("projector killed between COMMIT and its answer", "projector", ends=True)
async def killed_at_commit(cluster: Cluster) -> None:
    await asyncio.gather(*(cluster.order(projector, "die-at-commit") for projector in cluster.projectors))
    dying = [asyncio.create_task(cluster.wait_until_killed(projector)) for projector in cluster.projectors]
    # A projector without partitions commits nothing until the other one has gone.
    await asyncio.wait(dying, return_when=asyncio.FIRST_COMPLETED)
    for number in range(len(cluster.projectors)):
        await cluster.restart_projector(signal.SIGKILL, number)
    await asyncio.gather(*dying)


@fault("projector frozen inside a transaction beyond the session timeout", "projector")
async def projector_frozen(cluster: Cluster) -> None:
    frozen_pid = cluster.projectors[0].program.process.pid
    await cluster.order(cluster.projectors[0], "freeze-in-transaction")
    await until(lambda: is_stopped(frozen_pid), bool, timeout_seconds=PATIENCE_SECONDS)
    try:
        await hold(EXPELLED_SECONDS)
        await cluster.wait_until_stored(20)  # its twin took over
    finally:
        os.kill(frozen_pid, signal.SIGCONT)


@fault("a storm of rebalances", "projector", ends=True)
async def storm(cluster: Cluster) -> None:
    for number in (0, 1, 0):
        await cluster.restart_projector(signal.SIGTERM, number)


@fault("Postgres killed", "projector")
async def postgres_killed(cluster: Cluster) -> None:
    await asyncio.to_thread(cluster.postgres.kill)
    await hold(2)
    await asyncio.to_thread(cluster.postgres.start)


@fault("Postgres frozen for 5 s", "projector")
async def postgres_frozen(cluster: Cluster) -> None:
    cluster.postgres.freeze()
    try:
        await hold(5)
    finally:
        cluster.postgres.thaw()


@fault("Postgres away during a rebalance", "projector", ends=True)
async def postgres_away_in_rebalance(cluster: Cluster) -> None:
    await asyncio.to_thread(cluster.postgres.kill)
    joins = asyncio.create_task(cluster.restart_projector(signal.SIGTERM, 1))
    await hold(3)
    await asyncio.to_thread(cluster.postgres.start)
    await joins


@fault("Postgres restored to an older copy", "projector")
async def postgres_restored(cluster: Cluster) -> None:
    data = cluster.programs.directory / "own-postgres"
    older = data.with_name("own-postgres-older")
    await asyncio.to_thread(cluster.postgres.kill)
    # With its owner, who is not always ours.
    await asyncio.to_thread(subprocess.check_call, ["cp", "-a", data / "postgres", older])
    await asyncio.to_thread(cluster.postgres.start)
    await cluster.wait_until_stored(50)
    await asyncio.to_thread(cluster.postgres.kill)
    await asyncio.to_thread(shutil.rmtree, data / "postgres")
    older.rename(data / "postgres")
    await asyncio.to_thread(cluster.postgres.start)


@fault("poison events for one projection inside healthy batches", "projector")
async def poison(cluster: Cluster) -> None:
    breaking = (cluster.order(projector, f"break inbound {POISON_EVENTS}") for projector in cluster.projectors)
    await asyncio.gather(*breaking)
    await wait_long_for(lambda: cluster.fetchval(ARE_BROKEN), lambda count: count >= POISON_EVENTS)
    assert await cluster.fetchval(STATUS) == "live"
    await asyncio.gather(*(cluster.order(projector, "heal inbound") for projector in cluster.projectors))
    await cluster.wait_until_stored(20)  # the batches that were prepared by then are through
    await cluster.command("dead-letters", "retry")


@fault("a projection with a bug", "projector")
async def bug(cluster: Cluster) -> None:
    await asyncio.gather(*(cluster.order(projector, f"break inbound {BUG_EVENTS}") for projector in cluster.projectors))
    await wait_long_for(lambda: cluster.fetchval(STATUS), lambda status: status == "suspended")
    await cluster.wait_until_stored(50)  # the others go on
    await asyncio.gather(*(cluster.order(projector, "heal inbound") for projector in cluster.projectors))
    await cluster.wait_until_stored(20)
    await cluster.command("rebuild", "inbound")
    assert await cluster.fetchval(STATUS) == "live"


@fault("brokers and Postgres and ingest killed at once", "both", ends=True)
async def all_killed(cluster: Cluster) -> None:
    cluster.kafka.kill()
    await asyncio.to_thread(cluster.postgres.kill)
    await cluster.restart_ingest(signal.SIGKILL)
    await wait_until_spooled(cluster, 100)
    await asyncio.gather(asyncio.to_thread(cluster.kafka.start), asyncio.to_thread(cluster.postgres.start))


@fault("SIGTERM of a projector while brokers are away", "both", ends=True)
async def projector_stopped_while_kafka_is_away(cluster: Cluster) -> None:
    cluster.kafka.kill()
    await wait_until_spooled(cluster, 100)
    old = cluster.projectors[0].program
    assert await asyncio.to_thread(old.ends, signal.SIGTERM) == 0
    await asyncio.to_thread(cluster.kafka.start)
    await cluster.restart_projector(signal.SIGTERM)


@fault("key rotation", "both")
async def key_rotation(cluster: Cluster) -> None:
    """To the key of the two that is not in use."""
    await cluster.accept_keys(KEY, OTHER_KEY)
    for sender in cluster.senders:
        sender.process.send_signal(signal.SIGUSR1)
    await hold(IN_FLIGHT_SECONDS)
    cluster.keys.reverse()
    await cluster.accept_keys(cluster.keys[0])


@fault("a topic deleted and made again", "both", long=True)
async def topic_made_again(cluster: Cluster) -> None:
    """After everything in it was applied; webhooks of that time wait in the spool."""
    topic = cluster.mode.topics["other"]
    async with ingest_cut_off_from_kafka(cluster):
        await wait_until_spooled(cluster, 20)
        end = await _end(cluster, topic)
        await wait_long_for(lambda: cluster.fetchval(APPLIED, topic), lambda applied: applied == end)
        await delete_topics(cluster.kafka.bootstrap, (topic,))
        async with admin(cluster.kafka.bootstrap) as client:
            await eventually(client.list_topics, lambda names: topic not in names)
        await cluster.command("topics")
    gaps = [argument for partition in range(3) for argument in ("--accept-gap", f"{topic}:{partition}")]
    await wait_long_for(lambda: _stopped(cluster, topic), lambda count: count > 0)

    async def accepted() -> int:
        await cluster.command("project", *gaps)
        await hold(5)  # a stopped partition is looked at again every four seconds
        return await _stopped(cluster, topic)

    await wait_long_for(accepted, lambda count: count == 0)


async def _end(cluster: Cluster, topic: str) -> int:
    """How many records the topic holds."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=cluster.kafka.bootstrap)
    await consumer.start()
    try:
        return int(sum((await consumer.end_offsets(consumer.assignment())).values()))
    finally:
        await consumer.stop()


async def _stopped(cluster: Cluster, topic: str) -> int:
    """Of the partitions of a topic, as far as projectors show it."""
    shown = [await projector.metrics() for projector in cluster.projectors]
    return sum(
        value > 0 and name == "ledger_projector_partition_stopped" and ("topic", topic) in labels
        for metrics in shown
        for (name, labels), value in metrics.items()
    )
