"""A listening socket, and uvicorn behind it.

Invariant: sockets are bound before anything is opened, so a port in use stops the start early. uvicorn handles neither
signals nor logging, and the limits are those of LimitedProtocol.
"""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from ingest.http.connection import SWEEP_SECONDS, LimitedProtocol, Limits, sweep
from schemas.errors import Misconfigured

BACKLOG = 2048
FINISH_SECONDS = 5  # only a bug takes so long: the deadline of a request is far shorter


@dataclass(frozen=True, slots=True)
class Sockets:
    """The sockets of a process. `admin` is None where health and metrics share the main port."""

    main: socket.socket
    admin: socket.socket | None

    def close(self) -> None:
        self.main.close()
        if self.admin is not None:
            self.admin.close()


def bind_all(host: str, port: int, admin_port: int | None) -> Sockets:
    """Bind every socket of the process. Raises Misconfigured with a line for each that cannot be bound."""
    found: list[socket.socket] = []
    problems: list[str] = []
    for setting, number in (("LEDGER_PORT", port), ("LEDGER_ADMIN_PORT", admin_port)):
        try:
            found += [] if number is None else [bind(host, number, setting=setting)]
        except Misconfigured as error:
            problems += error.problems
    if problems:
        for listening in found:
            listening.close()
        raise Misconfigured(problems)
    return Sockets(found[0], found[1] if admin_port is not None else None)


def bind(host: str, port: int, *, setting: str) -> socket.socket:
    """A listening socket that no other process shares. Raises Misconfigured with one line that names the setting."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise Misconfigured([f"LEDGER_HOST: {host!r} is not an address of this machine: {error.strerror}"]) from None
    listening = socket.socket(family, kind, protocol)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise Misconfigured([_problem(error, host, port, setting)]) from None
    listening.setblocking(False)
    return listening


def _problem(error: OSError, host: str, port: int, setting: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{setting}: port {port} on {host} is in use by another process; stop that one or choose another port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"LEDGER_HOST: {host!r} is not an address of this machine"
    return f"{setting}: port {port} on {host} cannot be used: {error.strerror}"


@asynccontextmanager
async def listen(app: ASGIApp, listening: socket.socket, limits: Limits) -> AsyncIterator[int]:
    """Serve while the block runs, and yield the port. At its end no connection is accepted; requests are answered."""
    protocol = cast("type[asyncio.Protocol]", partial(LimitedProtocol, limits))
    config = uvicorn.Config(
        app,
        loop="none",
        http=protocol,
        ws="none",
        interface="asgi3",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=FINISH_SECONDS,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listening])
    sweeper = asyncio.create_task(_sweep(server.server_state.connections, limits))
    try:
        yield listening.getsockname()[1]
    finally:
        await server.shutdown(sockets=[listening])
        sweeper.cancel()
        with suppress(asyncio.CancelledError):
            await sweeper


async def _sweep(connections: set[Any], limits: Limits) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        sweep(connections, limits, loop.time())
