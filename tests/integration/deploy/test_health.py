"""Health and metrics of `project`, over a socket."""

import socket

import httpx
import pytest
from prometheus_client import CollectorRegistry, Gauge

from deploy.health import health
from schemas.errors import Misconfigured
from tests.support.environment.programs import free_port


async def test_it_serves_liveness_readiness_and_metrics() -> None:
    registry, ready, port = CollectorRegistry(), [True], free_port()
    Gauge("ledger_example", "An example.", registry=registry).set(3)
    async with (
        health(registry, lambda: ready[0], host="127.0.0.1", port=port),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.get("/health/ready")).status_code == 200
        ready[0] = False
        assert (await client.get("/health/ready")).status_code == 503
        assert "ledger_example 3.0" in (await client.get("/metrics")).text
        assert (await client.post("/webhooks/telnyx")).status_code == 404


async def test_port_0_serves_nothing() -> None:
    async with health(CollectorRegistry(), lambda: True, host="127.0.0.1", port=0):
        pass


async def test_a_port_in_use_names_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Misconfigured, match=f"^LEDGER_PROJECTOR_PORT: port {port} on 127.0.0.1 is in use"):
            async with health(CollectorRegistry(), lambda: True, host="127.0.0.1", port=port):
                pass
