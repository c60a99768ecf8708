"""The routes of ingest, and the one table from outcomes to answers.

Invariant: the first failed check decides: path (404), method (405), declared length (413), Content-Encoding (415),
signature headers missing, then malformed (403), the body (408, 413), and then signature, time window and content.
Everything that can be refused without the body is refused before it is read.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

import orjson
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from ingest.admission.admission import Admission, Outcome
from ingest.http.request_cycle import DEADLINE, HEAD, rendered
from ingest.metrics import IngestMetrics
from schemas.errors import Rejected, Unavailable
from schemas.reading.signing import PER_PATH_KEYS, decode_signature

SIGNATURE, TIMESTAMP = b"telnyx-signature-ed25519", b"telnyx-timestamp"
LENGTH, ENCODING = b"content-length", b"content-encoding"
SINGLE_HEADERS = (SIGNATURE, TIMESTAMP, LENGTH)
QUIET_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Answer(NamedTuple):
    """A response as the two ASGI messages that send it."""

    start: dict[str, object]
    body: dict[str, object]


def json_answer(status: int, content: Mapping[str, str], *headers: tuple[bytes, bytes]) -> Answer:
    return answer(status, orjson.dumps(content), b"application/json", *headers)


def answer(status: int, body: bytes, content_type: bytes, *headers: tuple[bytes, bytes]) -> Answer:
    head = [(b"content-type", content_type), (b"content-length", str(len(body)).encode()), *headers]
    start = {"type": "http.response.start", "status": status, "headers": head, HEAD: rendered(status, head)}
    return Answer(start, {"type": "http.response.body", "body": body})


# The contract: outcome -> status, body, headers. No other module knows a status code of the webhook path.
REFUSALS = {
    reason: json_answer(403, {"error": "signature", "reason": reason})
    for reason in ("missing_header", "malformed_header", "no_matching_key", "stale_timestamp", "future_timestamp")
} | {
    "body_too_large": json_answer(413, {"error": "body_too_large"}),
    "body_timeout": json_answer(408, {"error": "body_timeout"}),
    "content_encoding": json_answer(415, {"error": "content_encoding"}),
    "not_found": json_answer(404, {"error": "not_found"}),
    "method_not_allowed": json_answer(405, {"error": "method_not_allowed"}, (b"allow", b"POST")),
}
UNAVAILABLE = json_answer(503, {"error": "unavailable"}, (b"retry-after", b"1"))
READ_ONLY = json_answer(405, {"error": "method_not_allowed"}, (b"allow", b"GET, HEAD"))
LIVE = json_answer(200, {"status": "live"})
READY = json_answer(200, {"status": "ready"})
# An event_key has 36 characters, so the head of these answers is the same for every event.
_TAKEN = {
    status: (
        json_answer(200, {"status": status, "event_key": "-" * 36}).start,
        b'{"status":"%b","event_key":"%%b"}' % status.encode(),
    )
    for status in ("accepted", "duplicate")
}
_QUARANTINED: dict[str, Answer] = {}


def answer_for(outcome: Outcome) -> Answer:
    """The 200 of a delivery that is durable."""
    if outcome.status == "quarantined":
        content = {"status": "quarantined", "reason": outcome.detail}
        return _QUARANTINED.setdefault(outcome.detail, json_answer(200, content))
    start, body = _TAKEN[outcome.status]
    return Answer(start, {"type": "http.response.body", "body": body % outcome.detail.encode()})


class Webhooks:
    """The webhook endpoint, in plain ASGI."""

    # Starlette's Request and Response cost as much as everything else here.

    def __init__(self, admission: Admission, metrics: IngestMetrics, *, max_body_bytes: int) -> None:
        self._admission = admission
        self._max_body_bytes = max_body_bytes
        self._count = metrics.answers.count
        self._refusals = SampledLog("refused")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. A client that disconnects before its body is complete gets no answer."""
        began = time.perf_counter()
        try:
            outcome = await self._admit(scope, receive)
            ended, response = outcome.status, answer_for(outcome)
        except Rejected as refusal:
            ended, response = refusal.reason, REFUSALS[refusal.reason]
            self._refusals.add(refusal.reason, **refusal.details)
        except Unavailable:
            ended, response = "unavailable", UNAVAILABLE
            self._refusals.add("unavailable")
        except Disconnected:
            self._count("disconnected", None)
            return
        self._count(ended, time.perf_counter() - began)
        await send(response.start)
        await send(response.body)

    async def _admit(self, scope: Scope, receive: Receive) -> Outcome:
        account: str | None = scope.get("path_params", {}).get("account")
        if account is None and len(self._admission.keys.keys) > PER_PATH_KEYS:
            raise Rejected("not_found")
        if scope["method"] != "POST":
            raise Rejected("method_not_allowed")
        signature, signed_timestamp = self._check_headers(scope["headers"])
        deadline: float = scope[DEADLINE]
        body = await self._read_body(receive, deadline)
        return await self._admission.admit(
            body, signature=signature, signed_timestamp=signed_timestamp, account=account, deadline=deadline
        )

    def _check_headers(self, headers: list[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
        """The signature (64 bytes) and the timestamp (digits). Raises Rejected."""
        found = dict(headers)
        repeated = coded = False
        if len(found) < len(headers):
            names = [name for name, _ in headers]
            repeated = any(names.count(name) > 1 for name in SINGLE_HEADERS)
        if ENCODING in found:
            coded = any(name == ENCODING and value.lower() != b"identity" for name, value in headers)
        if int(found.get(LENGTH, b"0")) > self._max_body_bytes:
            raise Rejected("body_too_large")
        if coded:
            raise Rejected("content_encoding")
        if SIGNATURE not in found or TIMESTAMP not in found:
            raise Rejected("missing_header")
        signature, signed_timestamp = decode_signature(found[SIGNATURE]), found[TIMESTAMP]
        if repeated or signature is None or len(signed_timestamp) > 11 or not signed_timestamp.isdigit():
            raise Rejected("malformed_header")
        return signature, signed_timestamp

    async def _read_body(self, receive: Receive, deadline: float) -> bytes:
        """The whole body. Raises Rejected and Disconnected."""
        # RequestCycle.receive returns at the deadline at the latest, then without data.
        message = await receive()
        chunk: bytes = message.get("body", b"")
        if message["type"] == "http.request" and not message["more_body"] and len(chunk) <= self._max_body_bytes:
            return chunk
        loop = asyncio.get_running_loop()
        body = bytearray()
        while True:
            if message["type"] == "http.disconnect":
                raise Disconnected
            body += message["body"]
            if len(body) > self._max_body_bytes:
                raise Rejected("body_too_large")
            if not message["more_body"]:
                return bytes(body)
            if loop.time() >= deadline:
                raise Rejected("body_timeout")
            message = await receive()


class Disconnected(Exception):
    """The client closed the connection."""


class SampledLog:
    """Logs an event that any client can cause: at most a line per second and reason, with the number of events.

    Details are about keys of the ring, so their number is bounded, and their lines are warnings.
    """

    def __init__(self, event: str) -> None:
        self._event = event
        self._unlogged: dict[tuple[str, ...], int] = {}
        self._quiet_until: dict[tuple[str, ...], float] = {}

    def add(self, reason: str, **details: str) -> None:
        """Count the event, and log it if the last line with this reason and details is a second old."""
        now, kind = asyncio.get_running_loop().time(), (reason, *details.values())
        count = self._unlogged.get(kind, 0) + 1
        if now < self._quiet_until.get(kind, 0.0):
            self._unlogged[kind] = count
            return
        self._unlogged[kind] = 0
        self._quiet_until[kind] = now + QUIET_SECONDS
        (log.warning if details else log.info)(self._event, reason=reason, count=count, **details)


class GetEndpoint:
    """Answers GET and HEAD with what `render` returns at that moment."""

    def __init__(self, render: Callable[[], Answer]) -> None:
        self._render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 -- ASGI
        response = self._render() if scope["method"] in ("GET", "HEAD") else READ_ONLY
        await send(response.start)
        await send(response.body)


async def not_found(_scope: Scope, _receive: Receive, send: Send) -> None:
    response = REFUSALS["not_found"]
    await send(response.start)
    await send(response.body)


def not_ready(cause: str | None) -> Answer:
    return json_answer(503, {"status": "unavailable"} | ({"cause": cause} if cause else {}), (b"retry-after", b"1"))


def operator_routes(
    registry: CollectorRegistry, is_ready: Callable[[], bool], cause: Callable[[], str | None] = lambda: None
) -> list[Route]:
    """Health and metrics. `cause` says why it is not ready, where that is known."""
    return [
        Route("/health/live", GetEndpoint(lambda: LIVE)),
        Route("/health/ready", GetEndpoint(lambda: READY if is_ready() else not_ready(cause()))),
        Route("/metrics", GetEndpoint(lambda: answer(200, generate_latest(registry), CONTENT_TYPE_LATEST.encode()))),
    ]


def webhook_routes(webhooks: ASGIApp) -> list[Route]:
    """The webhook paths, the most used first, because routes are tried in order."""
    return [
        Route(path, webhooks)
        for path in (
            "/webhooks/telnyx",
            "/webhooks/telnyx/{account}",
            "/webhooks/telnyx/",
            "/webhooks/telnyx/{account}/",
        )
    ]


def application(routes: list[Route]) -> ASGIApp:
    """An ASGI application of the routes, without redirects and without middleware."""
    # Telnyx counts a redirect as a failure. Starlette's middleware catches errors that the endpoints never raise.
    # A path without parameters is looked up in a dict, which costs less than Starlette's matching.
    router = Router(routes, redirect_slashes=False, default=not_found)
    whole: dict[str, ASGIApp] = {route.path: route.endpoint for route in routes if not route.param_convertors}

    def app(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return whole.get(scope["path"], router)(scope, receive, send)

    return app
