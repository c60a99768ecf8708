"""`make run-kafka` runs the real programs around a local broker, shows rows and leaves nothing running."""

import signal
import socket
import sys
from pathlib import Path

import asyncpg
import pytest

from tests.support.environment.programs import Programs, free_port
from tests.support.environment.waiting import eventually
from tests.support.sql.connections import connected
from tests.support.sql.seals import seals_what_has_waited

STACK = ("-m", "deploy.local_kafka.stack")


async def test_the_kafka_mode_shows_rows_and_leaves_nothing_running(kafka_programs: None, programs: Programs) -> None:
    port = str(free_port())
    running = programs.start(*STACK, program=Path(sys.executable), LEDGER_PORT=port, LEDGER_PROJECTOR_PORT="0")
    url = (await running.prints(r"^Database URL: (postgresql://\S+)$", timeout_seconds=120))[1]
    rows = "select count(*) from telnyx.message_deliveries"
    async with connected(url) as connection:
        await eventually(lambda: connection.fetchval(rows), lambda found: found > 3, timeout_seconds=60)
        await seals_what_has_waited(connection)
    assert running.ends(signal.SIGINT, timeout_seconds=60) == 0
    assert running.output.endswith("stopped\n")
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncpg.connect(url)


def test_a_port_in_use_is_reported_before_anything_starts(programs: Programs) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = programs.run(*STACK, program=Path(sys.executable), LEDGER_PORT=str(port))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"LEDGER_PORT: port {port} ")
