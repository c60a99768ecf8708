"""`ingest`, `project` and `dev` work on where stderr is closed, nobody reads it, or its disk is full."""

import re
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from tests.support.environment.programs import PROGRAM, Program, Programs, free_port
from tests.support.environment.waiting import eventually, until
from tests.support.webhooks.builders import KEY, OTHER_KEY, encode, message_sent, public_key_setting, signed_headers

LOST = {"closed": "2>&-", "nobody reads": "2> >(true)", "full": "2>/dev/full"}


def started(programs: Programs, command: str, lost: str, **variables: str) -> Program:
    shell = f'exec "$0" "$@" {LOST[lost]}'
    return programs.start("-c", shell, str(PROGRAM), command, program=Path("/bin/bash"), environment=variables)


def ask(port: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, str]:
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, headers or {})
    try:
        with urllib.request.urlopen(asked, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()
    except OSError:
        return 0, ""


async def lives(port: str, program: Program) -> None:
    async def status() -> int:
        assert program.process.poll() is None, program.output
        return ask(port, "/health/live")[0]

    await eventually(status, lambda found: found == 200, timeout_seconds=60)


def lost_lines(port: str) -> float:
    [count] = re.findall(r"^ledger_log_failures_total (\S+)$", ask(port, "/metrics")[1], re.MULTILINE)
    return float(count)


def webhook(port: str, name: str, *, key: SigningKey = KEY, age: int = 0) -> int:
    body = encode(message_sent(name))
    return ask(port, "/webhooks/telnyx", body, signed_headers(body, int(time.time()) - age, key))[0]


def answers_everything(port: str) -> None:
    assert webhook(port, "good") == 200
    assert webhook(port, "good") == 200
    assert webhook(port, "forged", key=OTHER_KEY) == 403
    assert webhook(port, "stale", age=1_000) == 403
    assert ask(port, "/webhooks/telnyx", b"{}")[0] == 403
    assert ask(port, "/elsewhere")[0] == 404


async def serving(programs: Programs, command: str, lost: str, database_url: str) -> tuple[str, Program]:
    """A port and the program that serves it."""
    port, kafka = str(free_port()), f"127.0.0.1:{free_port()}"
    ours = {"project": {"LEDGER_PROJECTOR_PORT": port}}.get(command, {"LEDGER_PORT": port})
    ours |= {"DATABASE_URL": database_url, "TELNYX_PUBLIC_KEYS": public_key_setting()}
    program = started(programs, command, lost, **ours, KAFKA_BOOTSTRAP_SERVERS=kafka)
    await lives(port, program)
    return port, program


@pytest.mark.parametrize("command", ["ingest", "dev"])
@pytest.mark.parametrize("lost", LOST)
async def test_a_receiver_without_a_log_answers(programs: Programs, database_url: str, command: str, lost: str) -> None:
    port, program = await serving(programs, command, lost, database_url)
    answers_everything(port)
    assert lost_lines(port) > 0
    assert program.ends(signal.SIGTERM) == 0


@pytest.mark.parametrize("lost", LOST)
async def test_project_without_a_log_lives(programs: Programs, database_url: str, lost: str) -> None:
    port, program = await serving(programs, "project", lost, database_url)
    await until(lambda: lost_lines(port), lambda count: count > 0, timeout_seconds=30)
    assert ask(port, "/health/ready")[0] == 200
    assert program.ends(signal.SIGTERM) == 0


@pytest.mark.parametrize("lost", LOST)
def test_a_problem_with_the_configuration_is_still_exit_status_2(programs: Programs, lost: str) -> None:
    assert started(programs, "ingest", lost).ends() == 2
