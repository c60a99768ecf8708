"""Start, rotation of keys, and the stop that loses nothing."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from nacl.signing import SigningKey
from structlog.testing import capture_logs

from ingest.durable.spool import Spool
from ingest.durable.spool_only import SpoolOnly
from ingest.metrics import IngestMetrics
from ingest.server import Receiver, serve, serving, until_stopped
from ingest.settings import ReceiveSettings
from schemas.errors import Misconfigured
from schemas.kafka.topics import Topics
from schemas.settings import load
from tests.support.environment.waiting import eventually, until
from tests.support.ingest.fakes import MemorySink
from tests.support.ingest.ingest_server import key_of, request
from tests.support.webhooks.builders import OTHER_KEY, encode, message_sent, public_key_setting, signed_headers


def parts(settings: ReceiveSettings, sink: MemorySink) -> dict[str, Any]:
    """The arguments of `serving` and `serve`, with a spool that drains into `sink`."""
    metrics = IngestMetrics()
    spool = Spool(settings.ledger_spool_dir, settings.ledger_spool_max_bytes, metrics)
    return {"durable": SpoolOnly(spool, sink, metrics), "topics": Topics(), "metrics": metrics}


async def start_and_stop(settings: ReceiveSettings) -> None:
    async with serving(settings, **parts(settings, MemorySink())):
        pass


@asynccontextmanager
async def started(directory: Path, sink: MemorySink, **given: Any) -> AsyncIterator[Receiver]:
    """An ingest that listens and takes SIGHUP."""
    settings, stop = _settings(directory, **given), asyncio.Event()
    async with serving(settings, **parts(settings, sink)) as receiver:
        waiting = asyncio.create_task(until_stopped(receiver, settings, stop))
        await asyncio.sleep(0)
        try:
            yield receiver
        finally:
            stop.set()
            await waiting


@asynccontextmanager
async def process(directory: Path, sink: MemorySink) -> AsyncIterator[tuple[int, "asyncio.Task[None]"]]:
    """`serve` in a task, which takes the signals. Yields the port and the task."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = _settings(directory, ledger_port=port)
    task = asyncio.create_task(serve(settings, **parts(settings, sink)))
    try:
        await eventually(lambda: ask(port, request(b"", {}, method="GET", path="/health/live")), bool)
        yield port, task
    finally:
        async with asyncio.timeout(20):
            await task


def _settings(directory: Path, **given: Any) -> ReceiveSettings:
    defaults: dict[str, Any] = {
        "telnyx_public_keys": public_key_setting(),
        "database_url": "postgresql://nobody@127.0.0.1:9/none",
        "ledger_port": 0,
        "ledger_spool_dir": directory / "spool",
    }
    return load(ReceiveSettings, **(defaults | given))


async def ask(port: int, sent: bytes) -> bytes:
    """The whole answer to one request, or nothing if the connection was refused or closed without one."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except (ConnectionRefusedError, ConnectionResetError):  # reset: it was in the queue of a listener that closed
        return b""
    try:
        writer.write(sent.replace(b"\r\n", b"\r\nconnection: close\r\n", 1))
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def webhook(number: int, key: Any = None) -> bytes:
    body = encode(message_sent(f"message-{number}"))
    return request(body, signed_headers(body, int(time.time()), *([key] if key else [])))


async def test_a_stop_under_load_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    sink = MemorySink()
    acknowledged: set[bytes] = set()

    async def load_until_refused(port: int, start: int) -> None:
        for number in range(start, start + 100_000):
            answer = await ask(port, webhook(number))
            if not answer:
                return
            assert answer.startswith(b"HTTP/1.1 200")
            acknowledged.add(answer[-38:-2])

    async with process(tmp_path, sink) as (port, task):
        clients = [asyncio.create_task(load_until_refused(port, n * 1_000_000)) for n in range(8)]
        await asyncio.sleep(0.5)
        began = asyncio.get_running_loop().time()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.2)
        ready = await ask(port, request(b"", {}, method="GET", path="/health/ready"))
        assert ready.startswith(b"HTTP/1.1 503")
        await task
        assert asyncio.get_running_loop().time() - began < 20
        await asyncio.gather(*clients)
    async with started(tmp_path, sink):  # entries that the stop left in the spool drain now
        for _ in range(200):
            if acknowledged <= {key.encode() for key in sink.kept}:
                break
            await asyncio.sleep(0.05)
    assert len(acknowledged) > 20
    assert acknowledged <= {key.encode() for key in sink.kept}


async def test_a_stop_answers_a_request_that_is_half_sent(tmp_path: Path) -> None:
    async with process(tmp_path, MemorySink()) as (port, task):
        sent = webhook(1)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent[:-20])
        await asyncio.sleep(0.1)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(1.2)
        writer.write(sent[-20:])
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
        await task


async def test_sighup_reads_the_keys_again(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"# first\n{public_key_setting()}\n")
    given: dict[str, Any] = {"telnyx_public_keys": "", "telnyx_public_keys_file": keys}
    async with started(tmp_path, MemorySink(), **given) as receiver:
        assert b"no_matching_key" in await ask(receiver.port, webhook(1, OTHER_KEY))
        keys.write_text(f"{public_key_setting(OTHER_KEY)}\n")
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0.05)
        assert b"accepted" in await ask(receiver.port, webhook(1, OTHER_KEY))
        assert b"no_matching_key" in await ask(receiver.port, webhook(2))
        for unusable in ("", "nonsense\n"):
            keys.write_text(unusable)
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0.05)
            assert b"duplicate" in await ask(receiver.port, webhook(1, OTHER_KEY))


async def test_a_reload_that_would_take_the_shared_path_away_is_refused(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    many = [public_key_setting(SigningKey(bytes([number]) * 32)) for number in range(1, 9)]
    given: dict[str, Any] = {"telnyx_public_keys": "", "telnyx_public_keys_file": keys}
    keys.write_text("\n".join([public_key_setting(), *many[1:]]))
    async with started(tmp_path, MemorySink(), **given) as receiver:
        assert b"accepted" in await ask(receiver.port, webhook(1))
        keys.write_text("\n".join([public_key_setting(), *many]))
        with capture_logs() as lines:
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0.05)
        [line] = [line for line in lines if line["event"] == "keys_not_reloaded"]
        assert line["log_level"] == "error"
        assert line["problems"][0].startswith("TELNYX_PUBLIC_KEYS: 9 keys, and /webhooks/telnyx is served with 8")
        assert b"accepted" in await ask(receiver.port, webhook(2))
        assert len(receiver.admission.keys.keys) == 8


async def test_more_keys_than_the_shared_path_takes_are_a_warning_at_the_start(tmp_path: Path) -> None:
    many = ",".join(public_key_setting(SigningKey(bytes([number]) * 32)) for number in range(1, 10))
    with capture_logs() as lines:
        async with started(tmp_path, MemorySink(), telnyx_public_keys=many) as receiver:
            assert (await ask(receiver.port, webhook(1))).startswith(b"HTTP/1.1 404")
    assert "shared_path_not_served" in [line["event"] for line in lines]


@pytest.mark.parametrize("setting", ["LEDGER_PORT", "LEDGER_ADMIN_PORT"])
async def test_a_port_in_use_is_one_line_that_names_the_setting(tmp_path: Path, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(Misconfigured) as caught:
            await start_and_stop(_settings(tmp_path, **{setting.lower(): port}))
        (problem,) = caught.value.problems
        assert problem.startswith(f"{setting}: port {port} on 127.0.0.1 is in use")
    assert not (tmp_path / "spool").exists()


async def test_every_port_in_use_is_reported_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = {"ledger_port": one.getsockname()[1], "ledger_admin_port": other.getsockname()[1]}
        with pytest.raises(Misconfigured) as caught:
            await start_and_stop(_settings(tmp_path, **ports))
        assert [problem.split(":")[0] for problem in caught.value.problems] == ["LEDGER_PORT", "LEDGER_ADMIN_PORT"]


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
async def test_a_host_of_another_machine_names_its_setting(tmp_path: Path, host: str) -> None:
    with pytest.raises(Misconfigured, match="LEDGER_HOST"):
        await start_and_stop(_settings(tmp_path, ledger_host=host))


async def test_a_missing_key_names_its_setting(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="TELNYX_PUBLIC_KEYS"):
        _settings(tmp_path, telnyx_public_keys="")


async def test_a_second_process_on_one_spool_names_the_setting(tmp_path: Path) -> None:
    async with started(tmp_path, MemorySink()):
        with pytest.raises(Misconfigured, match="LEDGER_SPOOL_DIR"):
            await start_and_stop(_settings(tmp_path))


@pytest.mark.parametrize("number", [0, 1, 2])
async def test_a_background_task_that_fails_ends_the_process(tmp_path: Path, number: int) -> None:
    """The lines about keys, the drainer, and the connection to the event store."""
    settings = _settings(tmp_path)
    async with serving(settings, **parts(settings, MemorySink())) as receiver:
        assert len(receiver.tasks) == 3
        failing = receiver.tasks[number]
        receiver.tasks = [asyncio.create_task(_fail()) if task is failing else task for task in receiver.tasks]
        with pytest.raises(KeyError):
            await asyncio.wait_for(until_stopped(receiver, settings, asyncio.Event()), 2)


async def _fail() -> None:
    raise KeyError("a bug")


async def test_the_start_says_where_the_spool_is_and_what_waits_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with structlog.testing.capture_logs() as lines:
        await start_and_stop(_settings(Path()))
    [line] = [line for line in lines if line["event"] == "listening"]
    assert line["spool"] == str(tmp_path / "spool")
    assert (line["spool_entries"], line["spool_refused"]) == (0, 0)


async def test_sigusr1_tries_refused_records_again(tmp_path: Path) -> None:
    sink = MemorySink()
    sink.refuses = {key_of(encode(message_sent("message-1")))}
    settings = _settings(tmp_path)
    given = parts(settings, sink)
    async with serving(settings, **given) as receiver:
        await ask(receiver.port, webhook(1))
        await until(lambda: given["durable"].spool.refused, lambda count: count == 1)
        sink.refuses = set()
        os.kill(os.getpid(), signal.SIGUSR1)
        await until(lambda: given["durable"].spool.refused, lambda count: count == 0)
        await until(lambda: len(sink.kept), lambda count: count == 1)
