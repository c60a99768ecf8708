"""`quarantine`: lists the webhooks that did not become events, and requeues those that can."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated
from uuid import UUID

import typer

from deploy.commands import AsJson, command_app, load_and_log
from deploy.embedded.projector_sink import ProjectorSink
from deploy.kafka_sink import kafka_sink
from deploy.operator_session import operator_session, query_database, resolve_database_url
from deploy.output import show_objects
from deploy.progress import progress_bar
from deploy.settings import FoundDatabaseSettings, RequeueSettings
from projections.engine.projector import Projector
from projections.kafka.consumer import owner_name
from projections.recovery.requeue import Quarantined, RequeuedPage, keys_by_reason, quarantined
from projections.recovery.requeue import requeue as requeue_webhooks
from projections.registry import PROJECTIONS
from schemas.errors import LedgerError, Misconfigured
from schemas.kafka.sink import RecordSink
from schemas.kafka.topics import Topics
from schemas.reading.signing import KeyRing
from schemas.settings import load

app = command_app("Webhooks that did not become events.")


@app.command("list")
def list_quarantine(
    *, reason: Annotated[str | None, typer.Option(help="Only those with this reason.")] = None, as_json: AsJson = False
) -> None:
    """List the quarantined webhooks without their bodies, oldest first.

    They were signed but not understood, came outside the time window, or were forged.
    """

    rows = query_database(load(FoundDatabaseSettings), partial(quarantined, reason=reason))
    show_objects(Quarantined, rows, as_json=as_json)


@app.command("requeue")
def requeue(
    keys: Annotated[list[str] | None, typer.Argument(help="Keys, from `quarantine list`.")] = None,
    *,
    reason: Annotated[str | None, typer.Option(help="All with this reason that were not requeued yet.")] = None,
) -> None:
    """Requeue authentic events: to Kafka if it is configured, else into the tables.

    Signature and body are checked again. Exit status 1 if a webhook was refused.
    """
    if bool(keys) == bool(reason):
        raise Misconfigured(["quarantine requeue: expected keys, or --reason"])
    chosen = [_uuid(key) for key in keys or []]
    settings = load_and_log(RequeueSettings)
    done = asyncio.run(_requeue(settings, chosen, reason))
    for key, problem in done.refused.items():
        print(f"{key}: {problem}", file=sys.stderr)
    where = "published to Kafka" if settings.kafka_bootstrap_servers else "applied"
    print(f"{len(done.requeued)} requeued and {where}")
    if done.refused:
        raise LedgerError(f"{len(done.refused)} remain in quarantine")


async def _requeue(settings: RequeueSettings, keys: Sequence[str], reason: str | None) -> RequeuedPage:
    async with operator_session(settings) as connection:
        if reason:
            keys = await keys_by_reason(connection, reason)
        topics = Topics(settings.ledger_topic_prefix)
        done = RequeuedPage([], {})
        async with _sink(settings) as sink:
            with progress_bar() as bar:
                task = bar.add_task("requeued", total=len(keys))
                async for page in requeue_webhooks(connection, keys, topics=topics, sink=sink):
                    done = RequeuedPage(done.requeued + page.requeued, done.refused | page.refused)
                    bar.update(task, completed=len(done.requeued) + len(done.refused))
        return done


@asynccontextmanager
async def _sink(settings: RequeueSettings) -> AsyncIterator[RecordSink]:
    if settings.kafka_bootstrap_servers:
        async with kafka_sink(settings) as publisher:
            yield publisher
        return
    # The database remembers every key that was ever in force: no configured key ring is needed.
    projector = Projector(
        resolve_database_url(settings), keys=KeyRing([]), verify=True, owner=owner_name(), projections=PROJECTIONS
    )
    try:
        yield ProjectorSink(projector)
    finally:
        await projector.close()


def _uuid(key: str) -> str:
    try:
        return str(UUID(key))
    except ValueError:
        raise Misconfigured([f"quarantine requeue: {key!r} is not a key; see `quarantine list`"]) from None
