"""Faults of projectors and of Postgres, and those of everything at once."""

import asyncio
import os
import shutil
import signal
import subprocess

from aiokafka import AIOKafkaConsumer

from tests.faults.catalogue import fault, lasts, spooled
from tests.faults.cluster.cluster import Site, is_stopped, patiently
from tests.faults.injected.ingest_faults import cut_off
from tests.support.environment.kafka import admin, delete_topics
from tests.support.environment.waiting import eventually
from tests.support.webhooks.builders import KEY, OTHER_KEY

EXPELLED_SECONDS = 12  # beyond the session timeout of the group, 9 s
IN_FLIGHT_SECONDS = 5.5  # longer than a sender waits for an answer
POISON_EVENTS = 2  # for each projector: dead letters, and no suspension
BUG_EVENTS = 1_000_000
APPLIED = "select coalesce(sum(next_offset), 0)::bigint from telnyx.projection_offsets where topic = $1"
ARE_BROKEN = "select count(*) from telnyx.dead_letters where projection = 'inbound'"
STATUS = "select status from telnyx.projection_state where name = 'inbound'"


@fault("projector killed", "back", ends=True)
async def projector_killed(site: Site) -> None:
    await site.restart_projector(signal.SIGKILL)


@fault("SIGTERM of a projector", "back", ends=True)
async def projector_stopped(site: Site) -> None:
    assert await site.restart_projector(signal.SIGTERM) == 0


@fault("projector killed between COMMIT and its answer", "back", ends=True)
async def killed_at_commit(site: Site) -> None:
    await asyncio.gather(*(site.order(one, "die-at-commit") for one in site.projectors))
    doomed = [asyncio.create_task(site.dies(one)) for one in site.projectors]
    # A projector without partitions commits nothing until the other one has gone.
    await asyncio.wait(doomed, return_when=asyncio.FIRST_COMPLETED)
    for number in range(len(site.projectors)):
        await site.restart_projector(signal.SIGKILL, number)
    await asyncio.gather(*doomed)


@fault("projector frozen inside a transaction beyond the session timeout", "back")
async def projector_frozen(site: Site) -> None:
    asleep = site.projectors[0].program.process.pid
    await site.order(site.projectors[0], "freeze-in-transaction")

    async def stopped() -> bool:
        return is_stopped(asleep)

    await patiently(stopped, bool)
    try:
        await lasts(EXPELLED_SECONDS)
        await site.stores(20)  # its twin took over
    finally:
        os.kill(asleep, signal.SIGCONT)


@fault("a storm of rebalances", "back", ends=True)
async def storm(site: Site) -> None:
    for number in (0, 1, 0):
        await site.restart_projector(signal.SIGTERM, number)


@fault("Postgres killed", "back")
async def postgres_killed(site: Site) -> None:
    await asyncio.to_thread(site.postgres.kill)
    await lasts(2)
    await asyncio.to_thread(site.postgres.start)


@fault("Postgres frozen for 5 s", "back")
async def postgres_frozen(site: Site) -> None:
    site.postgres.freeze()
    try:
        await lasts(5)
    finally:
        site.postgres.thaw()


@fault("Postgres away during a rebalance", "back", ends=True)
async def postgres_away_in_rebalance(site: Site) -> None:
    await asyncio.to_thread(site.postgres.kill)
    joins = asyncio.create_task(site.restart_projector(signal.SIGTERM, 1))
    await lasts(3)
    await asyncio.to_thread(site.postgres.start)
    await joins


@fault("Postgres restored to an older copy", "back")
async def postgres_restored(site: Site) -> None:
    data = site.programs.directory / "own-postgres"
    older = data.with_name("own-postgres-older")
    await asyncio.to_thread(site.postgres.kill)
    # With its owner, who is not always ours.
    await asyncio.to_thread(subprocess.check_call, ["cp", "-a", data / "postgres", older])
    await asyncio.to_thread(site.postgres.start)
    await site.stores(50)
    await asyncio.to_thread(site.postgres.kill)
    await asyncio.to_thread(shutil.rmtree, data / "postgres")
    older.rename(data / "postgres")
    await asyncio.to_thread(site.postgres.start)


@fault("poison events for one projection inside healthy batches", "back")
async def poison(site: Site) -> None:
    await asyncio.gather(*(site.order(one, f"break inbound {POISON_EVENTS}") for one in site.projectors))
    await patiently(lambda: site.fetchval(ARE_BROKEN), lambda count: count >= POISON_EVENTS)
    assert await site.fetchval(STATUS) == "live"
    await asyncio.gather(*(site.order(one, "heal inbound") for one in site.projectors))
    await site.stores(20)  # the batches that were prepared by then are through
    await site.command("dead-letters", "retry")


@fault("a projection with a bug", "back")
async def bug(site: Site) -> None:
    await asyncio.gather(*(site.order(one, f"break inbound {BUG_EVENTS}") for one in site.projectors))
    await patiently(lambda: site.fetchval(STATUS), lambda status: status == "suspended")
    await site.stores(50)  # the others go on
    await asyncio.gather(*(site.order(one, "heal inbound") for one in site.projectors))
    await site.stores(20)
    await site.command("rebuild", "inbound")
    assert await site.fetchval(STATUS) == "live"


@fault("brokers and Postgres and ingest killed at once", "both", ends=True)
async def all_killed(site: Site) -> None:
    site.kafka.kill()
    await asyncio.to_thread(site.postgres.kill)
    await site.restart_ingest(signal.SIGKILL)
    await spooled(site, 100)
    await asyncio.gather(asyncio.to_thread(site.kafka.start), asyncio.to_thread(site.postgres.start))


@fault("SIGTERM of a projector while brokers are away", "both", ends=True)
async def projector_stopped_while_kafka_is_away(site: Site) -> None:
    site.kafka.kill()
    await spooled(site, 100)
    old = site.projectors[0].program
    assert await asyncio.to_thread(old.ends, signal.SIGTERM) == 0
    await asyncio.to_thread(site.kafka.start)
    await site.restart_projector(signal.SIGTERM)


@fault("key rotation", "both")
async def key_rotation(site: Site) -> None:
    """To the key of the two that is not in use."""
    await site.accept_keys(KEY, OTHER_KEY)
    for sender in site.senders:
        sender.process.send_signal(signal.SIGUSR1)
    await lasts(IN_FLIGHT_SECONDS)
    site.keys.reverse()
    await site.accept_keys(site.keys[0])


@fault("a topic deleted and made again", "both", long=True)
async def topic_made_again(site: Site) -> None:
    """After everything in it was applied; webhooks of that time wait in the spool."""
    topic = site.mode.topics["other"]
    async with cut_off(site):
        await spooled(site, 20)
        end = await _end(site, topic)
        await patiently(lambda: site.fetchval(APPLIED, topic), lambda applied: applied == end)
        await delete_topics(site.kafka.bootstrap, (topic,))
        async with admin(site.kafka.bootstrap) as client:
            await eventually(client.list_topics, lambda names: topic not in names)
        await site.command("topics")
    gaps = [argument for partition in range(3) for argument in ("--accept-gap", f"{topic}:{partition}")]
    await patiently(lambda: _stopped(site, topic), lambda count: count > 0)

    async def accepted() -> int:
        await site.command("project", *gaps)
        await lasts(5)  # a stopped partition is looked at again every four seconds
        return await _stopped(site, topic)

    await patiently(accepted, lambda count: count == 0)


async def _end(site: Site, topic: str) -> int:
    """How many records the topic holds."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=site.kafka.bootstrap)
    await consumer.start()
    try:
        return int(sum((await consumer.end_offsets(consumer.assignment())).values()))
    finally:
        await consumer.stop()


async def _stopped(site: Site, topic: str) -> int:
    """Of the partitions of a topic, as far as projectors show it."""
    shown = [await one.metrics() for one in site.projectors]
    return sum(
        value > 0 and name == "ledger_projector_partition_stopped" and ("topic", topic) in labels
        for metrics in shown
        for (name, labels), value in metrics.items()
    )
