"""The pages are run: every block of the README and of docs/, or the table below has the reason why not."""

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from deploy.local_kafka.broker import LocalKafka
from schemas.kafka.topics import Topics
from tests.docs.pages import PAGES, ROOT, blocks, name
from tests.support.environment.kafka import delete_topics
from tests.support.environment.programs import PROGRAM, Programs, clean_environment, free_port
from tests.support.environment.waiting import eventually
from tests.support.sql.connections import connected

RUN = "run as it stands, to its end"
SERVE = "every line is started, and still runs when all other blocks have been tried"
# Every shell block by its page and the beginning of its first line. A new one is entered here, or a test fails.
SHELL = {
    ("README.md", "make run"): "it installs an environment and runs until Ctrl-C; tests/e2e/test_dev.py runs the rest",
    ("README.md", "make test"): "it is what runs this test",
    ("README.md", "TELNYX_PUBLIC_KEYS="): "it needs an account's key; tests/e2e/test_dev.py runs dev with a key",
    ("README.md", "cloudflared tunnel"): "it needs the Internet",
    ("README.md", "uv tool install"): "it installs; tests/e2e/test_cli.py installs the wheel",
    ("docs/operations.md", "curl https://api.telnyx.com/v2/messages"): "it needs an account at Telnyx",
    ("docs/operations.md", "telnyx-ledger migrate"): RUN,
    ("docs/operations.md", "telnyx-ledger ingest"): SERVE,
    ("docs/operations.md", "telnyx-ledger simulate --public-key"): RUN,
    ("docs/operations.md", "telnyx-ledger dead-letters list"): RUN,
    ("docs/operations.md", "telnyx-ledger seal now"): RUN,
    ("docs/operations.md", "telnyx-ledger evidence"): (
        "the number is a person's; tests/integration/deploy/evidence/test_command.py makes them"
    ),
}
# Every Python block by its page, and a line that it prints.
PYTHON = {
    "docs/kafka.md": r"^[0-9a-f-]{36} message\.\w+ \d{4}-\d\d-\d\dT[0-9:.]+Z [0-9a-f-]{36}$",
    "docs/tables.md": r"^\d+ message\.\w+ [0-9a-f-]{36}$",
}
# Output and pictures are not run.
LANGUAGES = {"sh", "sql", "python", "text", ""}
AS_AUDITOR = "-- as telnyx_auditor\n"


def shell(begin: str) -> str:
    (block,) = [block for page in PAGES for block in blocks(page, "sh") if block.startswith(begin)]
    return block


def test_every_block_is_of_a_known_language() -> None:
    opened = [
        (name(page), language)
        for page in PAGES
        for language in re.findall(r"^```(\w*)$", page.read_text(), re.MULTILINE)[::2]
    ]
    assert [where for where in opened if where[1] not in LANGUAGES] == []


def test_every_shell_block_is_run_or_has_a_reason_not_to_be() -> None:
    found = [(name(page), block) for page in PAGES for block in blocks(page, "sh")]
    entered = [key for page, block in found for key in SHELL if key[0] == page and block.startswith(key[1])]
    assert sorted(entered) == sorted(SHELL)
    assert len(found) == len(SHELL)


def test_every_python_block_is_run() -> None:
    assert {name(page): len(blocks(page, "python")) for page in PAGES if blocks(page, "python")} == dict.fromkeys(
        PYTHON, 1
    )


async def test_the_blocks_work_together(programs: Programs, broker: LocalKafka, empty_database_url: str) -> None:
    """In the order of an operator: set up, serve, send, ask, consume."""
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
        await served[0].prints('"event":"listening"')
        run_block(programs, shell("telnyx-ledger simulate"), environment)
        # The queries look for rare events: the same traffic each time, more of it than the example sends.
        url = f"http://127.0.0.1:{port}"
        sent = programs.run("simulate", "--url", url, "--seed", "11", "--count", "900", "--rate", "0")
        assert sent.returncode == 0, sent.stderr
        await every_query_has_rows(empty_database_url)
        await every_relation_and_column_is_defined(empty_database_url)
        run_block(programs, shell("telnyx-ledger seal now"), environment)
        run_block(programs, shell("telnyx-ledger dead-letters list"), environment)
        for page, line in PYTHON.items():
            await the_script_prints(page, line, programs, environment)
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
    events = "select count(*) from telnyx.events"
    async with connected(database_url) as connection:
        await eventually(lambda: connection.fetchval(events), lambda found: found > 900, timeout_seconds=60)
        for query in [block for page in PAGES for block in blocks(page, "sql")]:
            role = "telnyx_auditor" if query.startswith(AS_AUDITOR) else "telnyx_reader"
            await connection.execute(f"set role {role}")
            assert await connection.fetch(query), query


async def every_relation_and_column_is_defined(database_url: str) -> None:
    """Some section of the page of semantics names each relation of the schema together with all of its columns."""
    page = (ROOT / "docs/semantics.md").read_text()
    sections = [set(re.findall(r"\w+", section)) for section in re.split(r"^## ", page, flags=re.MULTILINE)]
    async with connected(database_url) as connection:
        relations = await connection.fetch(
            """select table_name, array_agg(column_name) as columns from information_schema.columns
            where table_schema = 'telnyx' group by table_name"""
        )
    named = {row["table_name"]: {row["table_name"], *row["columns"]} for row in relations}
    assert len(named) >= 40
    assert [relation for relation, words in named.items() if not any(words <= section for section in sections)] == []


async def the_script_prints(page: str, line: str, programs: Programs, environment: dict[str, str]) -> None:
    (block,) = blocks(ROOT / page, "python")
    script = programs.directory / f"{Path(page).stem}.py"
    script.write_text(block)
    program = programs.start(str(script), program=Path(sys.executable), environment=environment)
    await program.prints(line)
