"""The life of an ingest process: wires the parts by constructor, serves, and stops without losing what is in flight.

Order of the stop: not ready, a moment for load balancers to see it, no new connections, requests in flight answered,
then the outbox flushed; all within 20 s. kill -9 is correct too: nothing is promised that is not durable.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import structlog

from ingest.admission.admission import Admission, Durable, durable_names
from ingest.admission.dedupe import Dedupe, LookUps, RecentKeys, StoredEvents
from ingest.admission.stored_keys import StoredKeys
from ingest.durable.spool import Spool
from ingest.durable.writer import Outbox
from ingest.http.app import Webhooks, application, operator_routes, webhook_routes
from ingest.http.connection import Limits
from ingest.http.listener import Sockets, bind_all, listen
from ingest.kafka.publisher import Publisher
from ingest.metrics import IngestMetrics
from ingest.settings import IngestSettings, ReceiveSettings
from schemas import gc_tuning
from schemas.kafka.sink import RecordSink
from schemas.kafka.topics import Topics
from schemas.settings import reload_keys

DRAIN_SECONDS = 1.0

log = structlog.get_logger(__name__)


class DurableStart(Durable, Protocol):
    """A Durable that also tells what it held before this process began."""

    def recent_keys(self) -> Iterable[tuple[str, str]]:
        """(topic, key) of the records that wait."""


@dataclass(slots=True)
class Receiver:
    """A listening ingest. `stopping` turns readiness off; `admission.keys` may be replaced."""

    admission: Admission
    port: int = 0
    admin_port: int | None = None
    stopping: bool = False


@asynccontextmanager
async def receive(
    settings: ReceiveSettings,
    *,
    sockets: Sockets,
    durable: DurableStart,
    store: StoredEvents,
    metrics: IngestMetrics,
    topics: Topics,
    limits: Limits | None = None,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[Receiver]:
    """Accept webhooks while the block runs; at its end every request in flight is answered.

    Raises Misconfigured without a key.
    """
    limits = limits or Limits(metrics)
    admission = Admission(
        settings.key_ring(),
        topics=topics,
        dedupe=Dedupe(RecentKeys(durable_names(durable.recent_keys(), topics))),
        look_ups=LookUps(store, metrics, wait_for_idle_producer=durable.wait_for_idle_producer),
        durable=durable,
        tolerance_seconds=settings.ledger_timestamp_tolerance_seconds,
        clock=clock,
    )
    receiver = Receiver(admission)

    def is_ready() -> bool:
        return durable.can_accept and not receiver.stopping

    metrics.ready.set_function(is_ready)
    routes = webhook_routes(Webhooks(admission, metrics, max_body_bytes=settings.ledger_max_body_bytes))
    operator = operator_routes(metrics.registry, is_ready)
    async with AsyncExitStack() as stack:
        if sockets.admin is None:
            routes += operator
        else:  # entered first, so that it still says "not ready" while the last requests are answered
            admin = listen(application(operator), sockets.admin, Limits(metrics))
            receiver.admin_port = await stack.enter_async_context(admin)
        receiver.port = await stack.enter_async_context(listen(application(routes), sockets.main, limits))
        yield receiver


async def serve(
    settings: ReceiveSettings,
    *,
    target: RecordSink | None = None,
    stop: asyncio.Event | None = None,
    listening: Callable[[Receiver], None] | None = None,
    metrics: IngestMetrics | None = None,
) -> None:
    """Run ingest until it is told to stop. To be run on uvloop.

    Without `target`, `settings` are IngestSettings and records go to Kafka; with one, everything goes by the spool and
    drains into it. `stop` is for a caller that keeps the signals to itself; `listening` is called once, when requests
    are accepted; `metrics` for one that reads them too.
    Raises Misconfigured: a port or spool in use, no key, topics that are missing or too weak.
    """
    sockets = bind_all(settings.ledger_host, settings.ledger_port, settings.ledger_admin_port)
    metrics = metrics or IngestMetrics()
    async with AsyncExitStack() as stack:
        stack.callback(sockets.close)
        spool = Spool(settings.ledger_spool_dir, settings.ledger_spool_max_bytes, metrics)
        publisher = None if target is not None else _publisher(settings, metrics)
        outbox = Outbox(spool, metrics, publisher=publisher, target=target)
        await outbox.start()
        stack.push_async_callback(outbox.close)
        _watch(metrics, spool, outbox)
        store = StoredKeys(settings.database_url, metrics)
        await store.start()
        stack.push_async_callback(store.close)
        topics = Topics(settings.ledger_topic_prefix) if isinstance(settings, IngestSettings) else Topics()
        ingest = receive(settings, sockets=sockets, durable=outbox, store=store, metrics=metrics, topics=topics)
        receiver = await stack.enter_async_context(ingest)
        log.info("listening", host=settings.ledger_host, port=receiver.port, admin_port=receiver.admin_port)
        if listening is not None:
            listening(receiver)
        await until_stopped(receiver, settings, stop, watched=outbox.draining)
    log.info("stopped")


def _publisher(settings: ReceiveSettings, metrics: IngestMetrics) -> Publisher:
    if not isinstance(settings, IngestSettings):
        raise TypeError("without a target, the settings must say how Kafka is reached")
    return Publisher(settings, metrics)


def _watch(metrics: IngestMetrics, spool: Spool, outbox: Outbox) -> None:
    """Gauges that are read when they are asked for."""
    metrics.spool_entries.set_function(lambda: spool.entries)
    metrics.spool_bytes.set_function(lambda: spool.bytes)
    metrics.spool_refused.set_function(lambda: spool.refused)
    metrics.kafka_away.set_function(lambda: outbox.sink_unavailable)


async def until_stopped(
    receiver: Receiver, settings: ReceiveSettings, stop: asyncio.Event | None, *, watched: asyncio.Task[None] | None
) -> None:
    """Wait for the end: `stop`, or SIGTERM and SIGINT where the caller leaves them to us. SIGHUP reads the keys again.

    `watched` never ends unless by a bug, which is then raised here: better a restart than a spool that never drains.
    """
    loop = asyncio.get_running_loop()
    ours = stop is None
    stop = stop or asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, reload_keys, settings, receiver.admission.replace_keys)
    for number in (signal.SIGTERM, signal.SIGINT) if ours else ():
        loop.add_signal_handler(number, stop.set)
    gc_tuning.freeze_startup_objects()
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([stopped, *([watched] if watched else [])], return_when=asyncio.FIRST_COMPLETED)
        if watched is not None and watched.done():
            watched.result()
        receiver.stopping = True
        log.info("stopping")
        if ours:
            await asyncio.sleep(DRAIN_SECONDS)
    finally:
        stopped.cancel()
        loop.remove_signal_handler(signal.SIGHUP)
