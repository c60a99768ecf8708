"""A canary through every error path: its number and its text are in no answer, log line, metric or dead letter.

The programs log at level `debug`, where they log most.
"""

import asyncio
import io
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
import structlog

from deploy import logs
from deploy.local_kafka.broker import LocalKafka
from ingest.admission.admission import Admission
from projections.engine.projection import Rows
from projections.engine.projector import Projector
from projections.registry import PROJECTIONS
from projections.tables.inbound import INBOUND as INBOUND_PROJECTION
from schemas.errors import Unavailable
from schemas.kafka.record import Delivery
from schemas.reading.event import Event
from tests.privacy.canary import BODY, INBOUND, NUMBER, OUTBOUND, TEXT, UNREADABLE, leaks
from tests.support.environment.http_sender import PATH, Answer, WebhookConnection
from tests.support.environment.kafka import limit_records
from tests.support.environment.kafka_mode import KafkaMode
from tests.support.environment.programs import Programs, free_port
from tests.support.ingest.ingest_server import running
from tests.support.projections.signed_records import RING, incoming
from tests.support.webhooks.builders import OTHER_KEY, encode, public_key_setting, signed_headers


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """The log of this process, at level debug."""
    stream, root = io.StringIO(), logging.getLogger()
    kept = root.handlers[:], root.level
    logs.configure("debug", stream)
    structlog.configure(cache_logger_on_first_use=False)
    yield stream
    structlog.reset_defaults()
    root.handlers[:], root.level = kept[0], kept[1]


SMALLER_THAN_ANY = 100  # bytes: Kafka refuses every record


# --- ingest, as a process --------------------------------------------------------------------------------------------


async def answers(port: int) -> AsyncIterator[Answer]:
    """Answers to requests with the canary in every place: most are refused, some accepted."""
    now = int(time.time())
    good = signed_headers(BODY, now)
    secret = {"x-secret": TEXT, "user-agent": NUMBER}
    forged = signed_headers(BODY, now, OTHER_KEY)
    malformed = good | {"telnyx-signature-ed25519": TEXT}
    async with WebhookConnection(port, timeout_seconds=20) as connection:
        for headers in (good, good, secret, forged, malformed, good | {"telnyx-timestamp": NUMBER}):
            yield await connection.request("POST", PATH, BODY, headers)
        for stamp in (now - 9000, now + 9000):
            yield await connection.webhook(BODY, signed_timestamp=stamp)
        for body in (UNREADABLE, encode({"data": INBOUND["data"]["payload"]}), encode(OUTBOUND)):
            yield await connection.webhook(body)
        yield await connection.request("POST", PATH, BODY, good | {"content-encoding": TEXT})
        yield await connection.request("POST", PATH, BODY + bytes(300_000), good)
        yield await connection.request("POST", f"{PATH}/{NUMBER}", BODY, good)
        yield await connection.request("POST", f"/{NUMBER}?text={TEXT.replace(' ', '+')}", BODY, good)
        yield await connection.request("PUT", PATH, BODY, good)
        yield await connection.request(TEXT, NUMBER, BODY)
        yield await connection.request("POST", PATH, BODY, {f"{NUMBER}-{number}": TEXT for number in range(200)})
        yield await connection.request("GET", f"/health/live?{NUMBER}")
        yield await connection.request("GET", "/health/ready")
        yield await connection.request("GET", "/metrics")


async def test_ingest_leaks_nothing_with_kafka_and_postgres_unavailable_and_a_damaged_spool(programs: Programs) -> None:
    closed, port = free_port(), free_port()
    environment = {
        "DATABASE_URL": f"postgresql://nobody@127.0.0.1:{closed}/none",
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{closed}",
        "TELNYX_PUBLIC_KEYS": public_key_setting(),
        "LEDGER_PORT": str(port),
        "LEDGER_LOG_LEVEL": "debug",
    }
    first = programs.start("ingest", environment=environment)
    await first.prints('"event":"listening"')
    seen = [answer async for answer in answers(port)]
    assert {answer.status for answer in seen} >= {200, 400, 403, 404, 405, 413, 415, 431}
    assert [leaks(f"{answer.headers} {answer.body.decode()}") for answer in seen if leaks(answer.body.decode())] == []
    first.process.kill()
    await asyncio.to_thread(first.ends)
    spool = programs.directory / "spool" / "spool.sqlite3"
    with closing(sqlite3.connect(spool)) as database, database:
        assert database.execute("select count(*) from pending").fetchone()[0] > 2
        database.execute("update pending set checksum = zeroblob(8) where seq % 2 = 1")
    spool.with_name("spool.sqlite3-wal").unlink(missing_ok=True)
    spool.write_bytes(spool.read_bytes()[:-5000] + BODY + bytes(5000 - len(BODY) % 5000))
    second = programs.start("ingest", environment=environment)
    await second.prints('"event":"listening"')
    assert [leaks(answer.body.decode()) for answer in [answer async for answer in answers(port)]].count([]) == len(seen)
    second.process.terminate()
    assert await asyncio.to_thread(second.ends) == 0
    for program in (first, second):
        assert leaks(program.output) == [], program.output


async def test_a_refused_record_is_logged_without_its_content(
    programs: Programs, broker: LocalKafka, database_url: str, tmp_path: Path
) -> None:
    mode = KafkaMode(programs, bootstrap=broker.bootstrap, database_url=database_url)
    mode.prepare()
    ingest = await mode.ingest(spool=str(tmp_path), LEDGER_LOG_LEVEL="debug")
    await limit_records(broker.bootstrap, mode.topics.values(), SMALLER_THAN_ANY)
    async with WebhookConnection(ingest.port) as connection:
        answer = await connection.webhook(BODY)
        assert answer.status == 200  # it is in the spool
        await ingest.program.prints('"event":"record_refused"')
        metrics = await connection.request("GET", "/metrics")
    for text in (answer.body.decode(), metrics.body.decode(), ingest.program.output):
        assert leaks(text) == [], text


async def test_an_exception_in_ingest_leaks_nothing(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    async def planted(_self: Admission, body: bytes, **_given: object) -> None:
        raise ValueError(f"cannot take {body.decode()}")

    monkeypatch.setattr(Admission, "admit", planted)
    async with running() as ingest:
        answer = await ingest.post(BODY)
    assert (answer.status, answer.body) == (500, b'{"error":"internal"}')
    assert "ValueError" in stream.getvalue()
    assert leaks(stream.getvalue()) == []


# --- the projector and the operator's commands -----------------------------------------------------------------------

QUOTING = """
create function public.quoting() returns trigger language plpgsql as $$
begin raise exception 'no place for %', to_json(new) using detail = to_json(new)::text, errcode = '23514'; end $$;
create trigger planted before insert on telnyx.message_contents for each row execute function public.quoting();
alter table telnyx.message_deliveries add constraint planted check (recipient <> '+13125559467');
"""


def buggy(event: Event, delivery: Delivery) -> Rows:
    raise ValueError(f"cannot read {delivery.body.decode()} of {event.payload}")


async def output_of(programs: Programs, url: str, *command: str) -> str:
    """The output of a command without a terminal, stdout and stderr."""
    environment = {"DATABASE_URL": url, "TELNYX_PUBLIC_KEYS": public_key_setting(), "LEDGER_LOG_LEVEL": "debug"}
    done = await asyncio.to_thread(programs.run, *command, environment=environment)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout + done.stderr


COMMANDS = [
    *(["dead-letters", "list"], ["dead-letters", "retry", "--json"], ["verify"]),
    *(["quarantine", "list"], ["quarantine", "requeue", "--reason", "not_json"]),
]


@pytest.mark.parametrize("bug", ["in the database", "in the code"])
async def test_dead_letters_and_the_commands_about_them_leak_nothing(
    programs: Programs, database_url: str, connection: asyncpg.Connection, stream: io.StringIO, bug: str
) -> None:
    projections = PROJECTIONS
    if bug == "in the code":
        projections = (replace(INBOUND_PROJECTION, rows=buggy),)
    else:
        await connection.execute(QUOTING)
    projector = Projector(database_url, keys=RING, verify=True, owner="one", projections=projections)
    batch = [incoming(BODY), incoming(encode(OUTBOUND)), incoming(UNREADABLE), incoming(BODY, signature=bytes(64))]
    try:
        applied = await projector.apply(batch)
        assert applied.dead_letters["inbound"] == 1
    finally:
        await projector.close()
    for table in ("dead_letters", "projection_state"):
        assert leaks(str([tuple(row) for row in await connection.fetch(f"select * from telnyx.{table}")])) == []
    await connection.execute("alter table telnyx.events disable trigger all")
    await connection.execute("update telnyx.events set body = body || ' '::bytea")
    for command in COMMANDS:
        output = await output_of(programs, database_url, *command)
        assert leaks(output) == [], (command, output)
    # `rebuild` names keys of rows, which a repair needs. For opt-outs the key is a phone number.
    assert leaks(await output_of(programs, database_url, "rebuild", "--check"), number_may=True) == []
    assert leaks(stream.getvalue()) == []


async def test_an_unavailable_postgres_is_logged_without_the_batch(stream: io.StringIO) -> None:
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    projector = Projector(url, keys=RING, verify=True, owner="one", projections=PROJECTIONS)
    try:
        with pytest.raises(Unavailable) as caught:
            await projector.apply([incoming(BODY)])
    finally:
        await projector.close()
    structlog.get_logger().error("unavailable", exc_info=caught.value)
    assert "Unavailable" in stream.getvalue()
    assert leaks(stream.getvalue()) == []
