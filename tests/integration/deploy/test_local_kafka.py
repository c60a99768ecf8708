"""The local Kafka ends with the process that started it, keeps its data, and names missing programs."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest
from aiokafka.admin import NewTopic

from deploy.embedded.ports import free_ports, port_is_free
from deploy.local_kafka import broker as local
from deploy.local_kafka.broker import LocalKafka
from deploy.local_kafka.jars import missing_programs
from tests.support.environment.kafka import admin
from tests.support.environment.waiting import eventually

ROOT = Path(__file__).parents[3]
STARTER = """
import sys, time
from pathlib import Path
from deploy.local_kafka.broker import LocalKafka
kafka = LocalKafka(Path(sys.argv[1]), quick_start=True)
kafka.start()
print(kafka.pid, kafka.bootstrap, flush=True)
time.sleep(60)
"""


async def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_broker_ends_with_its_killed_parent_and_keeps_its_data(kafka_programs: None, tmp_path: Path) -> None:
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STARTER, str(tmp_path), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert starter.stdout is not None
    java, address = (await starter.stdout.readline()).decode().split()
    async with admin(address) as client:
        await client.create_topics([NewTopic("kept", 1, 1)])
    starter.kill()
    await starter.wait()
    await eventually(lambda: is_alive(int(java)), lambda alive: not alive, timeout_seconds=5)
    again = LocalKafka(tmp_path, quick_start=True)
    try:
        await asyncio.to_thread(again.start)
        async with admin(again.bootstrap) as client:
            assert await client.list_topics() == ["kept"]
    finally:
        again.kill()


async def test_it_prints_the_address_and_ends_at_ctrl_c(kafka_programs: None, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    arguments = [str(ROOT / "deploy/local_kafka/broker.py"), "--port", str(port), "--directory", str(tmp_path)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, cwd=tmp_path
    )
    assert process.stdout is not None
    lines = [(await process.stdout.readline()).decode() for _ in range(4)]
    assert f"127.0.0.1:{port}" in lines[1]
    assert "telnyx-ledger topics" in lines[3]
    process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(process.wait(), 20) == 0
    assert port_is_free(port)


def test_a_port_in_use_is_one_line_and_exit_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as ended:
            local.main(["--port", str(port), "--directory", str(tmp_path)])
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        f"port {port} of 127.0.0.1 is in use; stop the program that listens there, or choose another port with --port"
    ]


def test_missing_java_and_maven_are_named_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "PATH", str(tmp_path))
    problems = missing_programs(tmp_path)
    assert [problem.split(":")[0] for problem in problems] == ["java", "mvn"]
    assert all("install" in problem for problem in problems)
