"""Health and metrics of ingest, over a socket: they say how it is, and name no number and no id."""

import asyncio
import json

import httpx

from tests.support.ingest.ingest_server import BODY, NOW, PATH, Site, key_of, request, running, site
from tests.support.webhooks.builders import signed_headers

__all__ = ["site"]  # a fixture


async def test_health_and_metrics(site: Site) -> None:
    await site.post(BODY)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{site.receiver.port}", trust_env=False) as client:
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.get("/health/ready")).status_code == 200
        text = (await client.get("/metrics")).text
        assert 'ledger_webhooks_total{outcome="accepted"} 1.0' in text
        assert (await client.post("/health/ready")).headers["allow"] == "GET, HEAD"
        site.durable.can_accept = False
        assert (await client.get("/health/ready")).status_code == 503
        assert (await client.get("/health/live")).status_code == 200


async def test_head_has_the_head_of_get_and_no_body(site: Site) -> None:
    async with site.connect() as connection:
        for _ in range(2):
            await connection.send(request(b"", {}, method="HEAD", path="/health/live"))
            reply = await connection.reply(head_only=True)
            assert (reply.status, reply.headers["content-length"]) == (200, str(len(b'{"status":"live"}')))


async def test_with_an_admin_port_health_and_metrics_are_only_there() -> None:
    async with running(ledger_admin_port=0) as site:
        for path in ("/health/live", "/health/ready", "/metrics"):
            assert (await site.ask(request(b"", {}, method="GET", path=path))).status == 404
            reader, writer = await asyncio.open_connection("127.0.0.1", site.receiver.admin_port)
            writer.write(request(b"", {}, method="GET", path=path))
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", site.receiver.admin_port)
        writer.write(request(BODY, signed_headers(BODY, NOW)))
        assert (await reader.readline()).startswith(b"HTTP/1.1 404")
        writer.close()


async def test_metrics_name_no_number_and_no_id(site: Site) -> None:
    await site.post(BODY)
    await site.post(BODY, path=f"{PATH}/stranger-13125550001")
    reply = await site.ask(request(b"", {}, method="GET", path="/metrics"))
    data = json.loads(BODY)["data"]
    for secret in ("3125550001", data["id"], data["payload"]["id"], key_of(BODY), "stranger"):
        assert secret.encode() not in reply.body
