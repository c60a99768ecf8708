"""Every fault, as data: a name and what is done to a site. To add one, write a function and decorate it.

A fault ends with all parts running again; that everything then recovers by itself is for the harness to see.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable

from tests.faults.site import STOP_SECONDS, Site, figures
from tests.waiting import eventually

Fault = Callable[[Site], Awaitable[None]]
FAULTS: dict[str, Fault] = {}
FROZEN_SECONDS = 10


def fault(name: str) -> Callable[[Fault], Fault]:
    """Enter a function as the fault of this name."""

    def enter(inject: Fault) -> Fault:
        assert name not in FAULTS
        FAULTS[name] = inject
        return inject

    return enter


async def lasts(seconds: float) -> None:
    """How long a fault lasts is part of what it is; nothing is waited for here."""
    await asyncio.sleep(seconds)


async def spooled(site: Site, count: int) -> None:
    """So many webhooks were answered 2xx out of the spool since now."""
    before = (await figures(site.ingest))["spooled"]
    await eventually(
        lambda: figures(site.ingest), lambda now: now["spooled"] >= before + count and now["waiting"] >= count
    )


@fault("broker frozen for 10 s")
async def broker_frozen(site: Site) -> None:
    site.broker.freeze()
    try:
        await lasts(FROZEN_SECONDS)
        assert await site.ingest.ready() == 200
    finally:
        site.broker.thaw()


@fault("broker killed and started again")
async def broker_killed(site: Site) -> None:
    site.broker.kill()
    await spooled(site, 100)
    await asyncio.to_thread(site.broker.start)


@fault("ingest killed and started again")
async def ingest_killed(site: Site) -> None:
    await site.restart_ingest(signal.SIGKILL)


@fault("ingest killed with a full spool while the broker is frozen")
async def ingest_killed_while_kafka_is_away(site: Site) -> None:
    site.broker.freeze()
    try:
        await spooled(site, 100)
        await site.restart_ingest(signal.SIGKILL)
        await eventually(lambda: figures(site.ingest), lambda now: now["waiting"] > 100)
        await spooled(site, 50)
    finally:
        site.broker.thaw()


@fault("projector killed and started again")
async def projector_killed(site: Site) -> None:
    await site.restart_projector(signal.SIGKILL)


@fault("SIGTERM of ingest under load")
async def ingest_stopped(site: Site) -> None:
    assert await site.restart_ingest(signal.SIGTERM) == 0, f"not within {STOP_SECONDS} s, or not well"


@fault("Postgres killed and started again")
async def postgres_killed(site: Site) -> None:
    await asyncio.to_thread(site.postgres.kill)
    before = await figures(site.ingest)
    await eventually(
        lambda: figures(site.ingest), lambda now: now["acknowledged"] >= before["acknowledged"] + 200
    )  # a 2xx goes on without it
    await asyncio.to_thread(site.postgres.start)


@fault("Postgres frozen for 5 s")
async def postgres_frozen(site: Site) -> None:
    site.postgres.freeze()
    try:
        await lasts(FROZEN_SECONDS / 2)
        assert await site.ingest.ready() == 200
    finally:
        site.postgres.thaw()


@fault("broker and Postgres and ingest killed at once")
async def all_killed(site: Site) -> None:
    site.broker.kill()
    await asyncio.to_thread(site.postgres.kill)
    await site.restart_ingest(signal.SIGKILL)
    await spooled(site, 100)
    await asyncio.gather(asyncio.to_thread(site.broker.start), asyncio.to_thread(site.postgres.start))
