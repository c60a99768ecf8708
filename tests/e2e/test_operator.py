"""The operator's commands on a running installation repair what failed, and no row is missing."""

import json
import re
import secrets
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.local_kafka.broker import LocalKafka
from projections.engine.fault_isolation import FAILURES_IN_A_ROW
from tests.support.environment.http_sender import WebhookConnection, post
from tests.support.environment.kafka_mode import KafkaMode
from tests.support.environment.postgres import PostgresServer, blocking
from tests.support.environment.programs import Programs, refusal
from tests.support.environment.waiting import eventually
from tests.support.webhooks.builders import (
    KEY,
    OTHER_KEY,
    encode,
    key_id,
    message_received,
    message_sent,
    public_key_setting,
)

POISON = "alter table telnyx.message_deliveries add constraint planted check (message_id not like 'bad%')"
CURE = "alter table telnyx.message_deliveries drop constraint planted"


def counting(database: asyncpg.Connection, table: str) -> Callable[[], Awaitable[int]]:
    async def count() -> int:
        found: int = await database.fetchval(f"select count(*) from telnyx.{table}")
        return found

    return count


async def send(port: int, *names: str) -> None:
    async with WebhookConnection(port) as connection:
        for name in names:
            assert (await connection.webhook(encode(message_sent(name)))).status == 200


async def test_a_failing_projection_is_suspended_alone_and_recovers(
    programs: Programs, broker: LocalKafka, database_url: str, connection: asyncpg.Connection
) -> None:
    mode = KafkaMode(programs, bootstrap=broker.bootstrap, database_url=database_url)
    mode.prepare()
    ingest, project = await mode.ingest(), await mode.project()
    live = ("ledger_projection_live", {"projection": "deliveries"})
    events, deliveries = counting(connection, "events"), counting(connection, "message_deliveries")

    await connection.execute(POISON)
    await send(ingest.port, "good-1", "bad-1", "good-2")
    await eventually(events, lambda found: found == 3)
    assert await deliveries() == 2
    left = programs.run("dead-letters", "retry", "--json", environment=mode.environment)
    assert left.returncode == 1
    assert left.stderr == "applied 0; 1 could not be applied and remain dead letters\n"
    [letter] = json.loads(left.stdout)
    assert (letter["projection"], letter["sqlstate"], letter["attempts"]) == ("deliveries", "23514", 2)
    assert await project.metric(live[0], **live[1]) == 1

    await send(ingest.port, *(f"bad-{number}" for number in range(2, 3 + FAILURES_IN_A_ROW)))
    await eventually(lambda: project.metric(live[0], **live[1]), lambda found: found == 0)
    await send(ingest.port, "while-suspended")  # not before: between two bad ones it would end the row of failures
    await post(ingest.port, encode(message_received()))
    await eventually(counting(connection, "inbound_messages"), lambda found: found == 1)
    await eventually(events, lambda found: found == 11)
    assert await project.metric("ledger_projector_dead_letters_total", projection="deliveries") >= 6
    assert await project.metric("ledger_projection_live", projection="inbound") == 1
    assert await deliveries() == 2

    still = programs.run("rebuild", "deliveries", environment=mode.environment)
    assert still.returncode == 1
    assert re.fullmatch(r"deliveries: \d+ events, given up, suspended\n", still.stdout)
    assert (
        still.stderr == "deliveries: too many events failed, the last with CheckViolationError: nothing was changed\n"
    )
    await connection.execute(CURE)
    retried = programs.run("dead-letters", "retry", environment=mode.environment)
    assert retried.returncode == 0, retried.stdout
    assert retried.stdout.splitlines()[1:] == [
        "deliveries is suspended and misses more events than these: run `telnyx-ledger rebuild deliveries`"
    ]
    checked = programs.run("rebuild", "--check", environment=mode.environment)
    # Missing is what came after the batch in which there were too many: how batches are cut decides how much that is.
    differs = re.fullmatch(
        r"deliveries: differs in (\d) (rows?): run `telnyx-ledger rebuild deliveries`\n", checked.stderr
    )
    assert differs, checked.stderr
    assert checked.returncode == 1
    assert re.search(
        f"^message_deliveries: {differs[1]} missing: .*message_id=while-suspended recipient=", checked.stdout
    )
    rebuilt = programs.run("rebuild", "deliveries", environment=mode.environment)
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert rebuilt.stdout.splitlines()[1:] == [f"deliveries: 10 events, {differs[1]} {differs[2]} repaired, live"]
    assert programs.run("rebuild", "--check", environment=mode.environment).returncode == 0
    assert await deliveries() == 10
    assert json.loads(programs.run("dead-letters", "list", "--json", environment=mode.environment).stdout) == []
    await eventually(lambda: project.metric(live[0], **live[1]), lambda found: found == 1)
    await send(ingest.port, "after")
    await eventually(deliveries, lambda found: found == 11)


async def test_quarantine_is_requeued_to_kafka_and_a_new_key_reaches_the_projector(
    programs: Programs, broker: LocalKafka, database_url: str, connection: asyncpg.Connection
) -> None:
    mode = KafkaMode(programs, bootstrap=broker.bootstrap, database_url=database_url)
    mode.prepare()
    ring = programs.directory / "keys"
    ring.write_text(public_key_setting() + "\n")
    mode.environment |= {"TELNYX_PUBLIC_KEYS": "", "TELNYX_PUBLIC_KEYS_FILE": str(ring)}
    ingest, project = await mode.ingest(), await mode.project()
    parked = counting(connection, "quarantined_webhooks")

    late, unreadable = encode(message_sent("late")), b'{"data": 1}'
    assert (await post(ingest.port, late, signed_timestamp=int(time.time()) - 3600)).status == 403
    assert (await post(ingest.port, unreadable)).status == 200
    await eventually(parked, lambda found: found == 2)
    listed = json.loads(programs.run("quarantine", "list", "--json", environment=mode.environment).stdout)
    assert {row["reason"] for row in listed} == {"stale_timestamp", "no_data"}
    keys = [row["quarantine_key"] for row in listed]
    released = programs.run("quarantine", "requeue", *keys, environment=mode.environment)
    assert released.returncode == 1
    assert released.stdout == "1 requeued and published to Kafka\n"
    assert "its body is still not an event: no_data" in released.stderr
    await eventually(counting(connection, "message_deliveries"), lambda found: found == 1)

    # A rotation in the wrong order: ingest knows the new key first, the projector parks what it signed.
    ring.write_text(public_key_setting() + "\n" + public_key_setting(OTHER_KEY, "acme") + "\n")
    ingest.program.process.send_signal(signal.SIGHUP)
    await ingest.program.prints('"event":"keys_loaded"')
    assert (await post(ingest.port, encode(message_sent("new key")), key=OTHER_KEY)).status == 200
    await eventually(parked, lambda found: found == 3)
    project.program.process.send_signal(signal.SIGHUP)
    await project.program.prints('"event":"keys_loaded"')
    assert (await post(ingest.port, encode(message_sent("newer")), key=OTHER_KEY)).status == 200
    await eventually(counting(connection, "message_deliveries"), lambda found: found == 2)
    released = programs.run("quarantine", "requeue", "--reason", "forged", environment=mode.environment)
    assert (released.returncode, released.stdout) == (0, "1 requeued and published to Kafka\n"), released.stderr
    await eventually(counting(connection, "message_deliveries"), lambda found: found == 3)

    shown = json.loads(programs.run("keys", "--json", environment=mode.environment).stdout)
    assert [(key["account"], key["key_id"], key["configured"]) for key in shown] == [
        ("acme", key_id(OTHER_KEY), True),
        ("default", key_id(KEY), True),
    ]
    assert all(key["first_seen_at"] for key in shown)


async def test_in_embedded_mode_quarantine_is_requeued_into_the_tables(
    programs: Programs, database_url: str, connection: asyncpg.Connection
) -> None:
    dev = programs.start("dev", LEDGER_PORT="0", DATABASE_URL=database_url, TELNYX_PUBLIC_KEYS=public_key_setting())
    port = int((await dev.prints(r"^Webhook URL:  http://127.0.0.1:(\d+)/"))[1])
    late = encode(message_sent("late"))
    assert (await post(port, late, signed_timestamp=int(time.time()) - 3600)).status == 403
    await eventually(counting(connection, "quarantined_webhooks"), lambda found: found == 1)
    released = programs.run("quarantine", "requeue", "--reason", "stale_timestamp", DATABASE_URL=database_url)
    assert (released.returncode, released.stdout) == (0, "1 requeued and applied\n"), released.stderr
    assert await connection.fetchval("select message_id from telnyx.message_deliveries") == "late"
    assert dev.ends(signal.SIGTERM) == 0


async def test_an_interrupted_rebuild_changes_nothing(
    programs: Programs, database_url: str, connection: asyncpg.Connection
) -> None:
    # A table that is locked keeps the rebuild from its end.
    async with connection.transaction():
        await connection.execute("lock table telnyx.dead_letters in access exclusive mode")
        rebuild = programs.start("rebuild", DATABASE_URL=database_url)
        waiting = "select count(*) from pg_locks where not granted and relation = 'telnyx.dead_letters'::regclass"
        await eventually(lambda: connection.fetchval(waiting), lambda found: found == 1)
        assert rebuild.ends(signal.SIGINT) == 1
    assert rebuild.output == "interrupted: nothing was changed\n"
    assert await counting(connection, "projection_state")() == 0
    again = programs.run("rebuild", "deliveries", DATABASE_URL=database_url)
    assert (again.returncode, again.stdout) == (0, "deliveries: 0 events, no difference, live\n")


async def test_in_embedded_mode_a_new_key_reaches_the_projector(
    programs: Programs, database_url: str, connection: asyncpg.Connection
) -> None:
    ring = programs.directory / "keys"
    ring.write_text(public_key_setting() + "\n")
    dev = programs.start("dev", LEDGER_PORT="0", DATABASE_URL=database_url, TELNYX_PUBLIC_KEYS_FILE=str(ring))
    port = int((await dev.prints(r"^Webhook URL:  http://127.0.0.1:(\d+)/"))[1])
    await send(port, "old key")
    ring.write_text(public_key_setting(OTHER_KEY, "acme") + "\n")
    dev.process.send_signal(signal.SIGHUP)
    await dev.prints('"event":"keys_loaded"')
    assert (await post(port, encode(message_sent("new key")), key=OTHER_KEY)).status == 200
    await eventually(counting(connection, "message_deliveries"), lambda found: found == 2)
    assert await counting(connection, "quarantined_webhooks")() == 0
    assert dev.ends(signal.SIGTERM) == 0


@pytest.fixture
def login(postgres_server: PostgresServer, database_url: str) -> Iterator[Callable[[str], str]]:
    """Return a function that makes a login with a role and returns the database's URL for it."""
    made = []

    def with_role(role: str) -> str:
        made.append(name := f"login_{secrets.token_hex(6)}")
        blocking(postgres_server.execute(f"create role {name} login password 'secret' in role {role}"))
        url = urlsplit(database_url)
        return url._replace(netloc=f"{name}:secret@{url.netloc.rpartition('@')[2]}").geturl()

    yield with_role
    for name in made:
        blocking(postgres_server.execute(f"drop role {name}"))


def test_a_writer_may_operate_and_a_reader_gets_one_line(programs: Programs, login: Callable[[str], str]) -> None:
    writer, reader = login("telnyx_writer"), login("telnyx_reader")
    assert programs.run("rebuild", "--check", DATABASE_URL=login("telnyx_auditor")).returncode == 0
    for arguments in (("rebuild", "opt_outs"), ("quarantine", "requeue", "--reason", "x")):
        assert programs.run(*arguments, DATABASE_URL=writer).returncode == 0
    for arguments in (("rebuild", "opt_outs"), ("dead-letters", "list")):
        refused = programs.run(*arguments, DATABASE_URL=reader)
        assert refusal(refused).startswith("DATABASE_URL: permission denied for table")
    assert programs.run("keys", DATABASE_URL=reader).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("rebuild", "delivery"), "delivery: no projection of this name; there are deliveries, inbound"),
        (("dead-letters", "retry", "delivery"), "delivery: no projection of this name"),
        (("quarantine", "requeue"), "quarantine requeue: expected keys, or --reason"),
        (("quarantine", "requeue", "x"), "quarantine requeue: 'x' is not a key"),
        (("keys",), "DATABASE_URL: not set, and no `dev` is running"),
    ],
)
def test_a_bad_argument_is_one_line_and_status_2(programs: Programs, arguments: tuple[str, ...], line: str) -> None:
    assert refusal(programs.run(*arguments)).startswith(line)
