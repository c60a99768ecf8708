"""`verify` as an operator runs it: on every core, with its exit statuses and its checkpoint after an interruption."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import orjson
import pytest

from projections.engine.projector import Projector
from projections.integrity.sealing import seal_now
from projections.registry import PROJECTIONS
from tests.support.environment.postgres import PostgresServer
from tests.support.environment.programs import Program, Programs, refusal
from tests.support.environment.waiting import eventually, until
from tests.support.projections.signed_records import RING, bodies, incoming
from tests.support.sql.connections import connected
from tests.support.sql.logins import login_with
from tests.support.sql.seals import UNLOCKED
from tests.support.webhooks import builders

DAMAGED = "update telnyx.events set body = body || ' ' where position {}"


@pytest.fixture
async def ledger(database_url: str, connection: asyncpg.Connection) -> asyncpg.Connection:
    """Make forty events, half of them under two seals, and one quarantined webhook."""
    projector = Projector(database_url, keys=RING, verify=True, owner="one", projections=PROJECTIONS)
    for half in range(2):
        await projector.apply(bodies(*(builders.message_sent(f"msg-{half}-{number}") for number in range(20))))
        if half == 0:
            assert [seal.events async for seal in seal_now(connection, events_a_seal=15)] == [15, 5]
    await projector.apply([incoming(b"{}")])
    await projector.close()
    return connection


def left_behind(programs: Programs) -> list[Path]:
    return list((programs.directory / "data").glob("verify-*.json"))


async def test_an_intact_ledger_is_ok(programs: Programs, database_url: str, ledger: asyncpg.Connection) -> None:
    done = programs.run("verify", DATABASE_URL=database_url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("40 events, 1 quarantined webhooks and 2 seals: OK (")
    assert left_behind(programs) == []


async def test_every_problem_is_named(programs: Programs, database_url: str, ledger: asyncpg.Connection) -> None:
    await ledger.execute(UNLOCKED + DAMAGED.format("in (1, 40)") + "; delete from telnyx.event_seals where seq = 2")
    keys = [str(row[0]) for row in await ledger.fetch("select event_key from telnyx.events where position in (1, 40)")]
    done = programs.run("verify", "--chain", "00" * 32, DATABASE_URL=database_url)
    assert done.returncode == 1
    named = [line.split("  ")[0] for line in done.stdout.splitlines()]
    assert sorted(named) == sorted([*keys, "seal 1", "seal 2", f"chain {'00' * 32}"])
    assert done.stderr.startswith("5 problems found in 40 events, 1 quarantined webhooks and 1 seals: ")
    assert left_behind(programs) == []
    again = orjson.loads(programs.run("verify", "--json", DATABASE_URL=database_url).stdout)
    assert sorted(finding["what"] for finding in again) == sorted([*keys, "seal 1", "seal 2"])


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@asynccontextmanager
async def interrupted(programs: Programs, url: str, connection: asyncpg.Connection) -> AsyncIterator[Program]:
    """Yield a `verify` that has finished everything but the last piece, which a lock holds up."""
    async with connected(url) as blocker:
        await blocker.execute("begin; lock table telnyx.quarantined_webhooks in access exclusive mode")
        program = programs.start("verify", DATABASE_URL=url)
        # Four pieces: the keys, before seal 1, both seals together, after them.
        await until(
            lambda: [len(orjson.loads(path.read_bytes())["done"]) for path in left_behind(programs)], [4].__eq__
        )
        yield program


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_run_resumes_and_a_finished_one_starts_again(
    programs: Programs, database_url: str, ledger: asyncpg.Connection, how: signal.Signals
) -> None:
    await ledger.execute(UNLOCKED + DAMAGED.format("= 1"))
    async with interrupted(programs, database_url, ledger) as program:
        assert program.ends(how) == (-how if how == signal.SIGKILL else 1)
        if how != signal.SIGKILL:
            assert "interrupted: run `telnyx-ledger verify` again" in program.output
    others = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    await eventually(lambda: ledger.fetchval(others), lambda seen: seen == 0)  # no worker outlives it
    await ledger.execute(DAMAGED.format("= 2"))  # where the first run has been
    resumed = programs.run("verify", DATABASE_URL=database_url)
    assert "resuming the verify that began at" in resumed.stderr
    assert "2 problems found in 40 events, 1 quarantined webhooks and 2 seals" in resumed.stderr
    assert len(resumed.stdout.splitlines()) == 2  # event 1 and its seal, from before
    anew = programs.run("verify", DATABASE_URL=database_url)
    assert (anew.returncode, len(anew.stdout.splitlines())) == (1, 3)
    assert "resuming" not in anew.stderr


async def test_a_checkpoint_can_be_ignored(programs: Programs, database_url: str, ledger: asyncpg.Connection) -> None:
    async with interrupted(programs, database_url, ledger) as program:
        program.ends(signal.SIGKILL)
    await ledger.execute(UNLOCKED + DAMAGED.format("= 39"))
    assert programs.run("verify", "--anew", DATABASE_URL=database_url).returncode == 1


async def test_a_killed_worker_fails_the_run(programs: Programs, database_url: str, ledger: asyncpg.Connection) -> None:
    async with interrupted(programs, database_url, ledger) as program:
        for child in children(program.process.pid):
            os.kill(child, signal.SIGKILL)
        assert await asyncio.to_thread(program.ends) == 1
        assert "a worker of the verification died: run it again" in program.output


async def test_bad_input_is_one_line(
    programs: Programs, postgres_server: PostgresServer, database_url: str, ledger: asyncpg.Connection
) -> None:
    refused = programs.run("verify", "--chain", "abc", DATABASE_URL=database_url)
    assert refusal(refused) == "--chain: 'abc' is not a chain value of 64 hex digits"
    (programs.directory / "data").touch()
    assert "LEDGER_DATA_DIR" in refusal(programs.run("verify", DATABASE_URL=database_url))


@pytest.mark.parametrize(("role", "status"), [("telnyx_auditor", 0), ("telnyx_reader", 2)])
async def test_an_auditor_may_verify_and_a_reader_may_not(
    programs: Programs,
    postgres_server: PostgresServer,
    database_url: str,
    ledger: asyncpg.Connection,
    role: str,
    status: int,
) -> None:
    async with login_with(postgres_server, database_url, role) as login:
        user, password = await login.fetchval("select current_user"), login._params.password
        host, name = database_url.rpartition("@")[2].split("/")
        done = programs.run("verify", DATABASE_URL=f"postgresql://{user}:{password}@{host}/{name}")
    assert done.returncode == status, done.stderr
    assert ("telnyx_auditor" in done.stderr) == (status == 2)


async def test_seals_are_made_and_exported(programs: Programs, database_url: str, ledger: asyncpg.Connection) -> None:
    done = programs.run("seal", "now", DATABASE_URL=database_url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("sealed 20 events up to position 40: seal 3, ")
    assert "nothing to seal" in programs.run("seal", "now", DATABASE_URL=database_url).stdout
    chain = (await ledger.fetchval("select chain from telnyx.event_seals where seq = 3")).hex()
    exported = programs.run("seal", "export", DATABASE_URL=database_url).stdout
    assert exported.startswith(f"{chain}  seal 3, up to position 40, 20")
    [as_json] = orjson.loads(programs.run("seal", "export", "--json", DATABASE_URL=database_url).stdout)
    assert (as_json["chain"], as_json["last_position"]) == (chain, 40)
    assert programs.run("verify", "--chain", chain, DATABASE_URL=database_url).returncode == 0


async def test_a_ledger_without_a_seal_has_none_to_export(programs: Programs, database_url: str) -> None:
    refused = programs.run("seal", "export", DATABASE_URL=database_url)
    assert refusal(refused, 1) == "there is no seal yet: run `telnyx-ledger seal now`"
