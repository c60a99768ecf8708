"""Health and metrics of `project` over HTTP, on a separate port and with the limits of ingest."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from ingest.http.app import application, operator_routes
from ingest.http.connection import Limits
from ingest.http.listener import bind, listen
from ingest.metrics import IngestMetrics


@asynccontextmanager
async def health(
    registry: CollectorRegistry, is_ready: Callable[[], bool], *, host: str, port: int
) -> AsyncIterator[None]:
    """Serve while the block runs, unless the port is 0. Raises Misconfigured, naming the setting, if it is in use."""
    if port == 0:
        yield
        return
    listening = bind(host, port, setting="LEDGER_PROJECTOR_PORT")
    app = application(operator_routes(registry, is_ready))
    # The limits count into metrics of ingest, which this process does not show.
    async with listen(app, listening, Limits(IngestMetrics())):
        yield
