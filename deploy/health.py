"""Health and metrics of `project` over HTTP, on a port of their own: it serves no other traffic."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from schemas.errors import Misconfigured


def health_app(ready: Callable[[], bool], registry: CollectorRegistry) -> Starlette:
    """Live as long as it answers; ready is for the caller to say."""

    async def live(_request: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def is_ready(_request: Request) -> Response:
        return JSONResponse({"status": "ready"}) if ready() else JSONResponse({"status": "not_ready"}, 503)

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[Route("/health/live", live), Route("/health/ready", is_ready), Route("/metrics", metrics)],
    )


class _Server(uvicorn.Server):
    """Leaves signals to the program: uvicorn would otherwise take SIGTERM for itself."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: Starlette, *, host: str, port: int, setting: str) -> AsyncIterator[None]:
    """Serve while the block runs; port 0: nothing. Raises Misconfigured, naming `setting`, if the port is taken."""
    if port == 0:
        yield
        return
    bound = _bind(host, port, setting)
    server = _Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
        bound.close()


def _bind(host: str, port: int, setting: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise Misconfigured([f"{setting}: cannot listen on {host}:{port}: {error.strerror}"]) from None
    return bound
