"""The README is run: every block of it, or the table below says why not; and what it names must exist."""

import ast
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from deploy.local_kafka.broker import LocalKafka
from deploy.settings import DevSettings, ProjectCommandSettings
from ingest.settings import IngestSettings
from schemas.kafka.topics import Topics
from tests.support.environment.kafka import delete_topics
from tests.support.environment.programs import PROGRAM, Programs, clean_environment, free_port
from tests.support.environment.waiting import eventually

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()

RUN = "run as it stands, to its end"
SERVE = "every line is started, and still runs when all other blocks have been tried"
# Every shell block by the beginning of its first line. A new one is entered here, or the test fails.
SHELL = {
    "make run": "it installs a virtual environment and runs until Ctrl-C; tests/e2e/test_dev.py runs what it starts",
    "make test": "it is what runs this test",
    "curl https://api.telnyx.com/v2/messages": "it needs an account at Telnyx",
    "telnyx-ledger simulate --public-key": RUN,
    "telnyx-ledger seal now": RUN,
    "telnyx-ledger evidence": "the number is a person's; tests/integration/deploy/test_evidence_command.py makes them",
    "telnyx-ledger migrate": RUN,
    "telnyx-ledger ingest": SERVE,
    "telnyx-ledger dead-letters list": RUN,
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def shell(begin: str) -> str:
    (block,) = [block for block in blocks("sh") if block.startswith(begin)]
    return block


def test_every_block_is_of_a_language_that_is_tried() -> None:
    opened = re.findall(r"^```(\w*)$", README, re.MULTILINE)[::2]
    picture, *rest = opened
    assert picture == ""
    assert set(rest) == {"sh", "sql", "python"}


def test_every_shell_block_is_run_or_has_a_reason_not_to_be() -> None:
    assert [begin for block in blocks("sh") for begin in SHELL if block.startswith(begin)] == list(SHELL)
    assert len(blocks("sh")) == len(SHELL)


async def test_the_blocks_work_together(programs: Programs, broker: LocalKafka, empty_database_url: str) -> None:
    """In the order in which an operator comes by them: set up, serve, send, ask, consume."""
    port = str(free_port())
    environment = {
        "DATABASE_URL": empty_database_url,
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
        "LEDGER_TOPIC_REPLICATION": "1",
        "LEDGER_PORT": port,
        "LEDGER_PROJECTOR_PORT": "0",
        "TELNYX_PUBLIC_KEYS": programs.run("simulate", "--public-key").stdout.strip(),
    }
    try:
        run_block(programs, shell("telnyx-ledger migrate"), environment)
        served = [
            programs.start(*shlex.split(line)[1:], environment=environment)
            for line in shell("telnyx-ledger ingest").splitlines()
        ]
        await served[0].says('"event":"listening"')
        run_block(programs, shell("telnyx-ledger simulate"), environment)
        # The queries find what is rare: the same traffic each time, more of it than the example sends.
        url = f"http://127.0.0.1:{port}"
        sent = programs.run("simulate", "--url", url, "--seed", "11", "--count", "900", "--rate", "0")
        assert sent.returncode == 0, sent.stderr
        await every_query_has_rows(empty_database_url)
        run_block(programs, shell("telnyx-ledger seal now"), environment)
        run_block(programs, shell("telnyx-ledger dead-letters list"), environment)
        await the_consumer_consumes(programs, environment)
        assert [program.process.poll() for program in served] == [None, None]
        assert [program.ends(signal.SIGTERM) for program in served] == [0, 0]
    finally:
        programs.kill_all()
        await delete_topics(broker.bootstrap, Topics().all)


def run_block(programs: Programs, block: str, environment: dict[str, str]) -> None:
    ours = clean_environment(environment)
    ours["PATH"] = f"{PROGRAM.parent}{os.pathsep}{ours['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.replace("127.0.0.1:8080", f"127.0.0.1:{environment['LEDGER_PORT']}")],
        cwd=programs.directory,
        env=ours,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def every_query_has_rows(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("set role telnyx_reader")

        async def events() -> int:
            found: int = await connection.fetchval("select count(*) from telnyx.events")
            return found

        await eventually(events, lambda found: found > 900, timeout_seconds=60)
        for query in blocks("sql"):
            assert await connection.fetch(query), query
    finally:
        await connection.close()


async def the_consumer_consumes(programs: Programs, environment: dict[str, str]) -> None:
    (block,) = blocks("python")
    script = programs.directory / "consumer.py"
    script.write_text(block)
    consumer = programs.start(str(script), program=Path(sys.executable), environment=environment)
    await consumer.says(r"^[0-9a-f-]{36} message\.\w+ \d{4}-\d\d-\d\dT[0-9:.]+Z [0-9a-f-]{36}$")


def test_every_promise_names_tests_that_exist() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", README)
    assert len(named) >= 12
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text())
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert name in functions, f"{path}::{name}"


def test_every_file_that_is_named_exists() -> None:
    linked = re.findall(r"\]\(([\w./]+)\)", README)
    named = re.findall(r"`((?:deploy|schemas|projections|ingest|tests)/[\w./]*)`", README)
    assert [path for path in linked + named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("settings", [IngestSettings, ProjectCommandSettings, DevSettings])
def test_every_setting_of_the_program_is_in_the_table(settings: type) -> None:
    fields = {name.upper() for name in settings.model_fields}  # type: ignore[attr-defined]
    assert fields - documented() == set()


def test_every_setting_of_the_table_is_one_of_the_program() -> None:
    known = {
        name.upper()
        for settings in (IngestSettings, ProjectCommandSettings, DevSettings)
        for name in settings.model_fields
    }
    assert documented() == known


def documented() -> set[str]:
    table = README.split("## Configuration", 1)[1].split("Secrets (", 1)[0]
    return {
        name
        for row in table.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`([A-Z_]+)`", row.split("|")[1])
    }
