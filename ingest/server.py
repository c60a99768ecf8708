"""The life of an ingest process: listens, and stops without losing what is in flight.

Invariant: a 2xx is sent only for a durable record, so kill -9 loses nothing that was acknowledged.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from ingest.admission.admission import TOO_MANY_KEYS, Admission, durable_names
from ingest.admission.dedupe import Dedupe, LookUps, RecentKeys, StoredEvents
from ingest.admission.stored_keys import StoredKeys
from ingest.durable.port import DurablePort, ManagedPort
from ingest.http.app import Webhooks, application, operator_routes, webhook_routes
from ingest.http.connection import Limits
from ingest.http.listener import Sockets, bind_all, listen
from ingest.metrics import IngestMetrics
from ingest.settings import ReceiveSettings
from schemas import gc_tuning
from schemas.kafka.topics import Topics
from schemas.reading.key_ends import keep_saying_key_ends, show_key_states
from schemas.settings import reload_keys

# Between "not ready" and the end of listening, for load balancers to see it.
ANNOUNCE_SECONDS = 1.0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Receiver:
    """A listening ingest. `stopping` turns readiness off. The port numbers are those that are bound.

    `tasks` run as long as it listens. The process ends with one that ends.
    """

    admission: Admission
    port: int = 0
    admin_port: int | None = None
    stopping: bool = False
    tasks: "Sequence[asyncio.Task[None]]" = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that a receiver stands on."""

    durable: DurablePort
    store: StoredEvents
    topics: Topics
    metrics: IngestMetrics


@asynccontextmanager
async def receive(
    settings: ReceiveSettings,
    parts: Parts,
    *,
    sockets: Sockets,
    limits: Limits | None = None,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[Receiver]:
    """Accept webhooks while the block runs. At its end every request in flight is answered.

    Raises Misconfigured without a key.
    """
    durable, topics, metrics = parts.durable, parts.topics, parts.metrics
    limits = limits or Limits(metrics)
    admission = Admission(
        settings.key_ring(),
        topics=topics,
        dedupe=Dedupe(RecentKeys(durable_names(durable.recent_keys(), topics))),
        look_ups=LookUps(parts.store, metrics, wait_for_idle_producer=durable.wait_for_idle_producer),
        durable=durable,
        tolerance_seconds=settings.ledger_timestamp_tolerance_seconds,
        clock=clock,
    )
    receiver = Receiver(admission)

    def is_ready() -> bool:
        return durable.can_accept and not receiver.stopping

    def cause() -> str | None:
        return "ingest is stopping" if receiver.stopping else durable.problem

    metrics.ready.set_function(is_ready)
    show_key_states(metrics, lambda: admission.keys, clock)
    if not admission.keys.serves_shared_path:
        log.warning("shared_path_not_served", problem=TOO_MANY_KEYS.format(len(admission.keys.keys)))
    routes = webhook_routes(Webhooks(admission, metrics, max_body_bytes=settings.ledger_max_body_bytes))
    operator = operator_routes(metrics.registry, is_ready, cause)
    async with AsyncExitStack() as stack:
        if sockets.admin is None:
            routes += operator
        else:  # entered first, so left last: it says "not ready" while the last requests are answered
            admin = listen(application(operator), sockets.admin, Limits(metrics))
            receiver.admin_port = await stack.enter_async_context(admin)
        receiver.port = await stack.enter_async_context(listen(application(routes), sockets.main, limits))
        yield receiver


@asynccontextmanager
async def serving(
    settings: ReceiveSettings, *, durable: ManagedPort, topics: Topics, metrics: IngestMetrics
) -> AsyncIterator[Receiver]:
    """Accept webhooks while the block runs, and then stop within 20 s. To be run on uvloop.

    Meanwhile SIGUSR1 offers the sink again what it refused.

    The stop closes the listeners, answers the requests in flight, and then closes `durable`.
    Raises Misconfigured: a port or spool in use, no key, topics that are missing or too weak.
    """
    sockets = bind_all(settings.ledger_host, settings.ledger_port, settings.ledger_admin_port)
    async with AsyncExitStack() as stack:
        stack.callback(sockets.close)
        await durable.start()
        stack.push_async_callback(durable.close)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, durable.retry_refused)
        stack.callback(loop.remove_signal_handler, signal.SIGUSR1)
        _watch(metrics, durable)
        store = StoredKeys(settings.database_url, metrics)
        await store.start()
        stack.push_async_callback(store.close)
        receiving = receive(settings, Parts(durable, store, topics, metrics), sockets=sockets)
        receiver = await stack.enter_async_context(receiving)
        saying = asyncio.create_task(keep_saying_key_ends(lambda: receiver.admission.keys))
        stack.callback(saying.cancel)
        receiver.tasks = [saying, *durable.tasks, *([store.connecting] if store.connecting is not None else [])]
        log.info(
            "listening",
            host=settings.ledger_host,
            port=receiver.port,
            admin_port=receiver.admin_port,
            spool=str(durable.spool.directory),
            spool_entries=durable.spool.entries,
            spool_refused=durable.spool.refused,
        )
        yield receiver
    log.info("stopped")


async def serve(settings: ReceiveSettings, *, durable: ManagedPort, topics: Topics, metrics: IngestMetrics) -> None:
    """Run ingest until SIGTERM or SIGINT. Raises as `serving` does."""
    async with serving(settings, durable=durable, topics=topics, metrics=metrics) as receiver:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await until_stopped(receiver, settings, stop)
        await asyncio.sleep(ANNOUNCE_SECONDS)


async def until_stopped(receiver: Receiver, settings: ReceiveSettings, stop: asyncio.Event) -> None:
    """Return when `stop` is set, with readiness turned off. Until then SIGHUP reads the keys again.

    Raises the error of a task of the receiver, which only a bug ends. A restart is better than a spool that never
    drains, or a producer or a connection that is never made again.
    """
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, reload_keys, settings, receiver.admission.replace_keys)
    for task in receiver.tasks:
        task.add_done_callback(lambda _: stop.set())
    gc_tuning.freeze_startup_objects()
    try:
        await stop.wait()
        for task in receiver.tasks:
            if task.done():
                task.result()
        receiver.stopping = True
        log.info("stopping")
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


def _watch(metrics: IngestMetrics, durable: ManagedPort) -> None:
    """Gauges that are read when `/metrics` is asked for."""
    spool = durable.spool
    metrics.spool_entries.set_function(lambda: spool.entries)
    metrics.spool_bytes.set_function(lambda: spool.bytes)
    metrics.spool_limit.set(spool.max_bytes)
    metrics.spool_oldest.set_function(lambda: spool.oldest_seconds)
    metrics.spool_malformed.set_function(lambda: spool.malformed_files)
    metrics.spool_damaged_entries.set_function(lambda: spool.damaged)
    metrics.spool_refused.set_function(lambda: spool.refused)
    metrics.kafka_away.set_function(lambda: durable.sink_unavailable)
