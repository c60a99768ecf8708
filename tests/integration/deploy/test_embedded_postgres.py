"""The embedded server keeps its data, port and password, has one owner, and never outlives it."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.embedded.postgres import EmbeddedPostgres
from deploy.embedded.postmaster import is_alive
from schemas.errors import Misconfigured
from tests.support.environment.waiting import until
from tests.support.sql.connections import fetchval

PARENT = """
import sys, time
from pathlib import Path
from deploy.embedded.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), report=lambda _: None)
print(server.start(), flush=True)
time.sleep(600)
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="ledger-embedded-"))
    directory.chmod(0o711)
    yield directory / "data"
    shutil.rmtree(directory)


def quiet(data_dir: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(data_dir, report=lambda _: None)


@pytest.fixture
def server(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    """A server that is not started yet, and is stopped at the end."""
    server = quiet(data_dir)
    yield server
    server.stop()


def server_pid(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


async def gone(pid: int) -> None:
    await until(lambda: is_alive(pid), lambda seen: not seen)


def other_process(data_dir: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", PARENT, str(data_dir)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("postgresql://")
    process.stdout.close()
    return process


async def test_data_url_and_settings_survive_a_restart(server: EmbeddedPostgres, data_dir: Path) -> None:
    url = server.start()
    assert await fetchval(url, "show server_encoding") == "UTF8"
    assert await fetchval(url, "show fsync") == "on"
    assert await fetchval(url, "select rolpassword like 'SCRAM-SHA-256%' from pg_authid where rolname = 'postgres'")
    await fetchval(url, "create table kept as select 1 as x")
    pid = server_pid(data_dir)
    server.stop()
    server.stop()
    assert not is_alive(pid)
    assert server.start() == url
    assert await fetchval(url, "select x from kept") == 1


async def test_it_requires_a_password_and_listens_locally(server: EmbeddedPostgres, data_dir: Path) -> None:
    url = server.start()
    place = urlsplit(url)
    assert place.hostname == "127.0.0.1"
    assert await fetchval(url, "show listen_addresses") == "127.0.0.1"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(place._replace(netloc=f"postgres:wrong@127.0.0.1:{place.port}").geturl())
    assert (data_dir / "postgres.password").stat().st_mode & 0o077 == 0
    assert (data_dir / "postgres").stat().st_mode & 0o077 == 0


async def test_it_stops_when_its_parent_is_killed(server: EmbeddedPostgres, data_dir: Path) -> None:
    process = other_process(data_dir)
    pid = server_pid(data_dir)
    assert is_alive(pid)
    process.kill()
    process.wait()
    await gone(pid)
    assert await fetchval(server.start(), "select 1") == 1


async def test_a_second_process_is_refused(data_dir: Path) -> None:
    process = other_process(data_dir)
    try:
        with pytest.raises(Misconfigured, match="is in use by another telnyx-ledger"):
            quiet(data_dir).start()
    finally:
        pid = server_pid(data_dir)
        process.kill()
        process.wait()
    await gone(pid)


async def test_it_recovers_after_the_server_was_killed(server: EmbeddedPostgres, data_dir: Path) -> None:
    url = server.start()
    await fetchval(url, "create table kept as select 1 as x")
    os.kill(server_pid(data_dir), signal.SIGKILL)
    server.stop()
    assert server.start() == url
    assert await fetchval(url, "select x from kept") == 1


async def test_a_pid_file_that_names_another_program_is_ignored(server: EmbeddedPostgres, data_dir: Path) -> None:
    url = server.start()
    server.stop()
    pid_file = data_dir / "postgres" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{data_dir}\n1\n1\n\n127.0.0.1\n\nready\n")
    assert server.start() == url
    server.stop()
    assert is_alive(os.getpid())


async def test_a_server_left_running_is_replaced(server: EmbeddedPostgres, data_dir: Path) -> None:
    process = other_process(data_dir)
    pid = server_pid(data_dir)
    shell = os.getpgid(pid)
    watcher = set(Path(f"/proc/{shell}/task/{shell}/children").read_text().split()) - {str(pid)}  # noqa: ASYNC240
    for one in (shell, *map(int, watcher), process.pid):
        os.kill(one, signal.SIGKILL)
    process.wait()
    assert is_alive(pid)
    assert await fetchval(server.start(), "select 1") == 1
    assert server_pid(data_dir) != pid


async def test_a_taken_port_is_changed(data_dir: Path) -> None:
    first = quiet(data_dir)
    url = first.start()
    second = quiet(data_dir.parent / "second")
    try:
        (data_dir.parent / "second").mkdir(mode=0o711)
        (data_dir.parent / "second" / "postgres.port").write_text(str(urlsplit(url).port))
        other = second.start()
        assert urlsplit(other).port != urlsplit(url).port
        assert await fetchval(other, "select 1") == 1
    finally:
        first.stop()
        second.stop()


async def test_a_failed_start_is_one_line(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir, report=lambda _: None, settings={"shared_buffers": "nonsense"})
    with pytest.raises(Misconfigured, match=r"^embedded Postgres did not start: .*shared_buffers"):
        server.start()
    # Nothing is left that would stop the next start.
    second = quiet(data_dir)
    assert await fetchval(second.start(), "select 1") == 1
    second.stop()


def test_an_unusable_data_directory_is_one_line(data_dir: Path) -> None:
    data_dir.write_text("a file")
    with pytest.raises(Misconfigured, match=r"^LEDGER_DATA_DIR: cannot use .*: File exists"):
        quiet(data_dir).start()


async def test_its_log_holds_no_values(server: EmbeddedPostgres, data_dir: Path) -> None:
    url = server.start()
    with pytest.raises(asyncpg.PostgresError):
        await fetchval(url, "select 'secret words'::text || (1/0)::text")
    await fetchval(url, "create table once (x text primary key)")
    await fetchval(url, "insert into once values ('+13125550001')")
    with pytest.raises(asyncpg.UniqueViolationError):
        await fetchval(url, "insert into once values ('+13125550001')")
    server.stop()
    log = (data_dir / "postgres.log").read_text()
    assert "ERROR" in log
    assert "secret words" not in log
    assert "+13125550001" not in log


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as another user")
def test_a_run_as_root_changes_no_rights_above_its_directory() -> None:
    with tempfile.TemporaryDirectory(prefix="ledger-closed-") as closed:
        below = Path(closed) / "below"
        below.mkdir(mode=0o700)
        with pytest.raises(Misconfigured, match=f"LEDGER_DATA_DIR: .* may not pass {closed} .*chmod o\\+x {closed}"):
            quiet(below / "data").start()
        assert [stat.S_IMODE(path.stat().st_mode) for path in (Path(closed), below)] == [0o700, 0o700]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as another user")
def test_a_run_as_root_lets_the_server_pass_its_own_directory(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o700)
    lines: list[str] = []
    server = EmbeddedPostgres(data_dir, report=lines.append)
    server.start()
    server.stop()
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o701
    assert len(lines) == 1
    assert str(data_dir) in lines[0]
