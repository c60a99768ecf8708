"""A log that cannot be written loses lines, which are counted. It raises nothing and holds nobody up."""

import io
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import orjson
import pytest
import structlog

from deploy import logs


class Counted:
    """Counts the lines that were lost."""

    lost = 0

    def __call__(self) -> None:
        self.lost += 1


@pytest.fixture
def counted() -> Iterator[Counted]:
    root = logging.getLogger()
    kept = root.handlers[:], root.level
    yield Counted()
    structlog.reset_defaults()
    root.handlers[:], root.level = kept[0], kept[1]


def closed() -> TextIO:
    stream = io.TextIOWrapper(io.BytesIO())
    stream.close()
    return stream


def without_reader() -> TextIO:
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w")


def a_pipe() -> tuple[int, TextIO]:
    reading, writing = os.pipe()
    return reading, os.fdopen(writing, "w")


def full_disk() -> TextIO:
    return Path("/dev/full").open("w")


def read_only() -> TextIO:
    return os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")


@pytest.mark.parametrize("opened", [closed, without_reader, full_disk, read_only])
def test_a_line_that_cannot_be_written_is_counted_and_raises_nothing(opened: Any, counted: Counted) -> None:
    stream = opened()
    logs.configure("info", stream, on_failure=counted)
    log = structlog.get_logger()
    log.info("one")
    try:
        raise ValueError("two")
    except ValueError:
        log.exception("two")
    logging.getLogger("asyncio").error("three")
    log.debug("not logged, so not lost")
    stream.close()
    assert counted.lost == 3


def test_without_stderr_every_line_is_counted(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    logs.configure("info", on_failure=counted)
    structlog.get_logger().info("one")
    assert counted.lost == 1


class Unrenderable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize("value", ["\ud800", Unrenderable()])
def test_a_line_that_cannot_be_rendered_is_counted(value: object, counted: Counted) -> None:
    stream = io.StringIO()
    logs.configure("info", stream, on_failure=counted)
    structlog.get_logger().info("one", value=value)
    structlog.get_logger().info("two")
    assert counted.lost == 1
    assert orjson.loads(stream.getvalue())["event"] == "two"


def test_a_message_of_a_library_whose_arguments_do_not_fit_is_logged_as_it_is(counted: Counted) -> None:
    stream = io.StringIO()
    logs.configure("info", stream, on_failure=counted)
    arguments = ("x",)
    logging.getLogger("asyncio").error("%d of %d", *arguments)
    assert orjson.loads(stream.getvalue())["event"] == "%d of %d"
    assert counted.lost == 0


def test_a_pipe_whose_reader_stands_still_holds_nobody_up(counted: Counted) -> None:
    reading, stream = a_pipe()
    logs.configure("info", stream, on_failure=counted)
    log = structlog.get_logger()
    began = time.monotonic()
    for number in range(2_000):
        log.info("a line of about a hundred bytes", number=number, filling="x" * 40)
    assert time.monotonic() - began < 2
    assert 500 < counted.lost < 2_000
    os.read(reading, 1 << 20)
    lost = counted.lost
    log.info("read again", filling="x" * 20_000)
    assert counted.lost == lost
    last = os.read(reading, 1 << 20).splitlines()[-1]
    assert orjson.loads(last)["event"] == "read again"
    os.close(reading)
    stream.close()


def test_a_line_after_one_that_was_cut_stands_alone(counted: Counted) -> None:
    reading, stream = a_pipe()
    logs.configure("info", stream, on_failure=counted)
    log = structlog.get_logger()
    log.info("cut", filling="x" * 100_000)
    assert counted.lost == 1
    os.read(reading, 1 << 20)
    log.info("whole")
    assert orjson.loads(os.read(reading, 1 << 20).splitlines()[-1])["event"] == "whole"
    os.close(reading)
    stream.close()
