"""`quarantine`: what was parked, and the requeue of what can become an event."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import astuple, fields
from uuid import UUID

from deploy import logs
from deploy.embedded.projector_sink import ProjectorSink
from deploy.kafka_sink import kafka_sink
from deploy.operator_session import operating_on, which_database
from deploy.output import print_json, print_table
from deploy.progress import progress_bar
from deploy.settings import FoundDatabaseSettings, RequeueSettings
from projections.engine.projector import Projector
from projections.kafka.consumer import owner_name
from projections.recovery.requeue import Quarantined, RequeuedPage, keys_by_reason, quarantined, requeue
from projections.registry import PROJECTIONS
from schemas.errors import LedgerError, Misconfigured
from schemas.kafka.sink import RecordSink
from schemas.kafka.topics import Topics
from schemas.reading.signing import KeyRing
from schemas.settings import load


def list_quarantine(reason: str | None, *, as_json: bool) -> None:
    """Prints the rows without their bodies, oldest first."""
    rows = asyncio.run(_list(which_database(load(FoundDatabaseSettings)), reason))
    columns = [field.name for field in fields(Quarantined)]
    (print_json if as_json else print_table)(columns, [astuple(row) for row in rows])


def run_requeue(keys: Sequence[str], reason: str | None) -> None:
    """Requeues these rows, or all of a reason that nobody requeued yet. Raises LedgerError if one was refused."""
    if bool(keys) == bool(reason):
        raise Misconfigured(["quarantine requeue: expected keys, or --reason"])
    wanted = [_uuid(key) for key in keys]
    settings = load(RequeueSettings)
    logs.configure(settings.ledger_log_level)
    done = asyncio.run(_requeued(settings, wanted, reason))
    for key, why in done.refused.items():
        print(f"{key}: {why}", file=sys.stderr)
    where = "published to Kafka" if settings.kafka_bootstrap_servers else "applied"
    print(f"{len(done.requeued)} requeued and {where}")
    if done.refused:
        raise LedgerError(f"{len(done.refused)} stay in quarantine")


async def _list(database_url: str, reason: str | None) -> list[Quarantined]:
    async with operating_on(database_url) as connection:
        return await quarantined(connection, reason)


async def _requeued(settings: RequeueSettings, keys: Sequence[str], reason: str | None) -> RequeuedPage:
    database_url = which_database(settings)
    async with operating_on(database_url) as connection:
        if reason:
            keys = await keys_by_reason(connection, reason)
        topics = Topics(settings.ledger_topic_prefix)
        done = RequeuedPage([], {})
        async with _sink(settings, database_url) as sink:
            with progress_bar() as bar:
                task = bar.add_task("requeued", total=len(keys))
                async for page in requeue(connection, keys, topics=topics, sink=sink):
                    done = RequeuedPage(done.requeued + page.requeued, done.refused | page.refused)
                    bar.update(task, completed=len(done.requeued) + len(done.refused))
        return done


@asynccontextmanager
async def _sink(settings: RequeueSettings, database_url: str) -> AsyncIterator[RecordSink]:
    if settings.kafka_bootstrap_servers:
        async with kafka_sink(settings) as publisher:
            yield publisher
        return
    # Every key that ever counted is remembered in the database; a ring of our own is not needed.
    projector = Projector(database_url, keys=KeyRing([]), verify=True, owner=owner_name(), projections=PROJECTIONS)
    try:
        yield ProjectorSink(projector)
    finally:
        await projector.close()


def _uuid(key: str) -> str:
    try:
        return str(UUID(key))
    except ValueError:
        raise Misconfigured([f"quarantine requeue: {key!r} is no key; see `quarantine list`"]) from None
