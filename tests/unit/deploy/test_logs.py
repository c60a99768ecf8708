"""Log lines are structured, and the exceptions in them never quote the values that they concern."""

import io
import logging
from collections.abc import Iterator

import asyncpg
import orjson
import pytest
import structlog

from deploy import logs
from schemas.errors import Unavailable

SECRET = "I have a private message"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    kept = root.handlers[:], root.level
    logs.configure("info", stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:], root.level = kept[0], kept[1]


def fields(stream: io.StringIO) -> dict[str, str]:
    (line,) = stream.getvalue().splitlines()
    found: dict[str, str] = orjson.loads(line)
    return found


def database_error() -> asyncpg.PostgresError:
    error = asyncpg.UniqueViolationError(f"duplicate key: {SECRET}")
    error.detail = f"Key (text)=({SECRET}) already exists."
    return error


def test_a_line_is_json_with_the_event_and_its_fields(stream: io.StringIO) -> None:
    structlog.get_logger().info("spooled", event_key="k")
    assert fields(stream) | {"timestamp": ""} == {
        "event": "spooled",
        "event_key": "k",
        "level": "info",
        "timestamp": "",
    }


def test_a_database_error_is_logged_as_type_and_state_only(stream: io.StringIO) -> None:
    try:
        raise database_error()
    except asyncpg.PostgresError:
        structlog.get_logger().exception("apply_failed")
    assert SECRET not in stream.getvalue()
    assert "UniqueViolationError (SQLSTATE 23505)" in fields(stream)["exception"]
    assert "test_logs.py" in fields(stream)["exception"]


def test_no_message_in_a_chain_of_exceptions_is_logged(stream: io.StringIO) -> None:
    try:
        try:
            raise ValueError(SECRET)
        except ValueError as error:
            raise ExceptionGroup(SECRET, [database_error(), KeyError(SECRET)]) from error
    except ExceptionGroup:
        structlog.get_logger().exception("failed")
    assert SECRET not in stream.getvalue()
    assert {"ValueError", "KeyError"} <= set(fields(stream)["exception"].splitlines())


def test_our_own_errors_keep_their_messages(stream: io.StringIO) -> None:
    structlog.get_logger().warning("away", exc_info=Unavailable("postgres: connection refused"))
    assert "Unavailable: postgres: connection refused" in fields(stream)["exception"]


def test_exceptions_logged_by_libraries_lose_their_messages(stream: io.StringIO) -> None:
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n%s", SECRET)
    assert SECRET not in stream.getvalue()
    assert fields(stream)["event"] == "Exception in ASGI application"
    assert fields(stream)["logger"] == "uvicorn.error"


def test_chatty_libraries_are_silent(stream: io.StringIO) -> None:
    logging.getLogger("aiokafka.conn").error("Unable connect to node with id 1")
    logging.getLogger("uvicorn.error").info("Started server process")
    assert stream.getvalue() == ""


def test_lines_below_the_level_are_dropped(stream: io.StringIO) -> None:
    structlog.get_logger().debug("detail")
    assert stream.getvalue() == ""
