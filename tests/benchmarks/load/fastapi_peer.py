"""The baseline: FastAPI, the vendor's SDK and an awaited publish, as a careful engineer writes it first.

It verifies and publishes as ingest does, with acks=all; it has no dedupe, spool, limits or metrics. `make bench` runs
it under uvicorn with its defaults, to compare the CPU of ingest with it.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from fastapi import FastAPI, HTTPException, Request
from telnyx import AsyncTelnyx

from tests.support.webhooks import builders


@asynccontextmanager
async def lifespan(served: FastAPI) -> AsyncIterator[None]:
    """One producer for the life of the process."""
    served.state.producer = AIOKafkaProducer(bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"], acks="all")
    await served.state.producer.start()
    try:
        yield
    finally:
        await served.state.producer.stop()


app = FastAPI(lifespan=lifespan)
client = AsyncTelnyx(api_key="unused", public_key=builders.public_key_setting().partition(":")[2])


@app.post("/webhooks/telnyx")
async def webhook(request: Request) -> dict[str, str]:
    """Verifies, publishes and answers one webhook."""
    body = await request.body()
    try:
        event = client.webhooks.unwrap(body.decode(), headers=dict(request.headers))
    except ValueError as error:
        raise HTTPException(403, str(error)) from error
    key = str(getattr(getattr(event, "data", None), "id", None))
    await request.app.state.producer.send_and_wait("telnyx.messages", value=body, key=key.encode())
    return {"status": "accepted", "event_key": key}
