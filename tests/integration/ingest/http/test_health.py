"""Health and metrics of ingest, over a socket. They contain no phone number and no id."""

import asyncio
import json

import httpx

from tests.support.ingest.ingest_server import BODY, NOW, PATH, RunningIngest, key_of, request, running
from tests.support.webhooks.builders import signed_headers


async def test_health_and_metrics(ingest: RunningIngest) -> None:
    await ingest.post(BODY)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{ingest.receiver.port}", trust_env=False) as client:
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.get("/health/ready")).status_code == 200
        text = (await client.get("/metrics")).text
        assert 'ledger_webhooks_total{outcome="accepted"} 1.0' in text
        assert (await client.post("/health/ready")).headers["allow"] == "GET, HEAD"
        ingest.durable.can_accept = False
        ingest.durable.problem = "the spool is full"
        answer = await client.get("/health/ready")
        assert (answer.status_code, answer.json()) == (503, {"status": "unavailable", "cause": "the spool is full"})
        assert (await client.get("/health/live")).status_code == 200


async def test_head_has_the_head_of_get_and_no_body(ingest: RunningIngest) -> None:
    async with ingest.connect() as connection:
        for _ in range(2):
            await connection.send(request(b"", {}, method="HEAD", path="/health/live"))
            reply = await connection.reply(head_only=True)
            assert (reply.status, reply.headers["content-length"]) == (200, str(len(b'{"status":"live"}')))


async def test_an_admin_port_alone_serves_health_and_metrics() -> None:
    async with running(ledger_admin_port=0) as ingest:
        for path in ("/health/live", "/health/ready", "/metrics"):
            assert (await ingest.ask(request(b"", {}, method="GET", path=path))).status == 404
            reader, writer = await asyncio.open_connection("127.0.0.1", ingest.receiver.admin_port)
            writer.write(request(b"", {}, method="GET", path=path))
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", ingest.receiver.admin_port)
        writer.write(request(BODY, signed_headers(BODY, NOW)))
        assert (await reader.readline()).startswith(b"HTTP/1.1 404")
        writer.close()


async def test_metrics_name_no_number_and_no_id(ingest: RunningIngest) -> None:
    await ingest.post(BODY)
    await ingest.post(BODY, path=f"{PATH}/stranger-13125550001")
    reply = await ingest.ask(request(b"", {}, method="GET", path="/metrics"))
    data = json.loads(BODY)["data"]
    for secret in ("3125550001", data["id"], data["payload"]["id"], key_of(BODY), "stranger"):
        assert secret.encode() not in reply.body
