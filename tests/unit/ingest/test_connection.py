"""The HTTP limits lean on names inside uvicorn and httptools: an upgrade that changes one fails here, by name."""

import inspect

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import Server

from ingest.http.connection import LimitedProtocol

# What is new in our classes; everything else that they define must replace something of uvicorn's.
OUR_OWN = {"refuse", "close_gracefully", "_release", "_refuse_headers", "_request_cycle", "_read_without_upgrade"}


def methods(of: type) -> set[str]:
    return {name for name, value in vars(of).items() if inspect.isfunction(value)} - {"__init__"}


def test_every_override_replaces_a_method_that_is_there() -> None:
    assert methods(LimitedProtocol) - OUR_OWN <= methods(HttpToolsProtocol)


def test_no_method_of_ours_replaces_one_by_accident() -> None:
    assert not OUR_OWN & methods(HttpToolsProtocol)


def test_the_methods_that_are_called_are_there_with_their_parameters() -> None:
    assert [*inspect.signature(HttpToolsProtocol._start_asgi_task).parameters] == ["self", "cycle", "app"]
    assert {"resume_reading", "pause_reading"} <= methods(FlowControl)
    assert {"startup", "shutdown"} <= methods(Server)
    assert "create_task(cycle.run_asgi(app))" in inspect.getsource(HttpToolsProtocol._start_asgi_task)
    shutdown = inspect.getsource(HttpToolsProtocol.shutdown)
    assert "self.cycle.response_complete" in shutdown
    assert "self.cycle.keep_alive = False" in shutdown


def test_the_attributes_that_are_used_are_set_by_uvicorn() -> None:
    connection = inspect.getsource(HttpToolsProtocol.__init__) + inspect.getsource(HttpToolsProtocol.on_message_begin)
    for name in (
        "loop",
        "parser",
        "app",
        "pipeline",
        "cycle",
        "flow",
        "server_state",
        "headers",
        "url",
        "scheme",
        "connections",
    ):
        assert f"self.{name}" in connection, name


def test_the_parser_and_the_status_lines_are_there() -> None:
    assert STATUS_LINE[431].startswith(b"HTTP/1.1 431 ")
    assert issubclass(httptools.HttpParserCallbackError, httptools.HttpParserError)
    assert not issubclass(httptools.HttpParserUpgrade, httptools.HttpParserError)
