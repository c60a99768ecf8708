"""The private names of uvicorn and httptools on which the HTTP limits rely. Only this module imports them.

An upgrade that removes one fails at import, with the name and the versions that were tried.
"""

import httptools
from uvicorn.server import Server, ServerState

from schemas.library_internals import lacking, untried, used_in

TRIED = "0.54.0"

try:
    from uvicorn.protocols.http.flow_control import FlowControl
    from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
except ImportError as error:
    raise untried("uvicorn", TRIED, [str(error)]) from None

__all__ = ["STATUS_LINE", "HttpToolsProtocol"]

# Methods that LimitedProtocol replaces, and `_start_asgi_task`, which it calls.
METHODS = (
    "connection_made",
    "connection_lost",
    "data_received",
    "on_message_begin",
    "on_url",
    "on_header",
    "on_headers_complete",
    "on_body",
    "on_message_complete",
    "on_response_complete",
    "shutdown",
    "_start_asgi_task",
)
# Attributes that `HttpToolsProtocol.__init__` sets and LimitedProtocol reads.
ATTRIBUTES = (
    "app",
    "asgi_version",
    "client",
    "connections",
    "cycle",
    "expect_100_continue",
    "flow",
    "headers",
    "loop",
    "parser",
    "pipeline",
    "scheme",
    "server",
    "server_state",
    "transport",
)


def missing_names() -> list[str]:
    """The names that the installed uvicorn and httptools lack."""
    protocol = HttpToolsProtocol
    starts, shutdown = used_in(protocol, "_start_asgi_task"), used_in(protocol, "shutdown")
    return [
        *lacking("HttpToolsProtocol", dir(protocol), *METHODS),
        *lacking("HttpToolsProtocol", used_in(protocol, "__init__"), *ATTRIBUTES),
        # uvicorn uses these attributes of a request cycle. RequestCycle has them.
        *lacking("HttpToolsProtocol._start_asgi_task", starts, "create_task", "run_asgi"),
        *lacking("HttpToolsProtocol.shutdown", shutdown, "cycle", "response_complete", "keep_alive"),
        *lacking("FlowControl", dir(FlowControl), "pause_reading", "resume_reading"),
        *lacking("Server", dir(Server), "startup", "shutdown"),
        *lacking("Server", used_in(Server, "__init__"), "server_state"),
        *lacking("ServerState", vars(ServerState()), "connections", "total_requests"),
        *lacking("STATUS_LINE", {str(status) for status in STATUS_LINE}, "200", "400", "403", "431", "503"),
        *lacking("httptools", dir(httptools), "HttpParserError", "HttpParserUpgrade", "HttpRequestParser", "parse_url"),
    ]


if missing := missing_names():
    raise untried("uvicorn", TRIED, missing)
