"""Every message of the vendor's documents, posted to both modes, gives the answers and rows worked out by hand."""

import hashlib
import time
from datetime import UTC, datetime
from typing import Any

import asyncpg
from nacl.signing import VerifyKey

from deploy.local_kafka.broker import LocalKafka
from tests.oracle import compare
from tests.support.environment.http_sender import WebhookConnection
from tests.support.environment.kafka_mode import ACCOUNT, kafka_mode
from tests.support.environment.programs import Programs
from tests.support.environment.waiting import eventually
from tests.support.sql.connections import connected
from tests.support.webhooks.builders import KEY, key_id, public_key, public_key_setting
from tests.support.webhooks.fixture_expectations import CASES, case_body, expected_rows, key_of

# These values differ at every run, so no expectation can name them.
EVIDENCE = frozenset({"received_at", "signature", "signed_timestamp", "key_id", "requeued_at"})
PROOFS = {"events": "event_key", "quarantined_webhooks": "quarantine_key"}


async def test_in_kafka_mode(programs: Programs, broker: LocalKafka, empty_database_url: str) -> None:
    async with kafka_mode(programs, bootstrap=broker.bootstrap, database_url=empty_database_url) as (_, ingest, _):
        await the_answers_and_the_rows_are_right(ingest.port, empty_database_url)


async def test_in_embedded_mode(programs: Programs) -> None:
    dev = programs.start("dev", LEDGER_PORT="0", TELNYX_PUBLIC_KEYS=public_key_setting(account=ACCOUNT))
    port = int((await dev.prints(r"^Webhook URL:  http://127\.0\.0\.1:(\d+)/"))[1])
    database_url = (await dev.prints(r"^Database URL: (postgresql://\S+)$"))[1]
    await the_answers_and_the_rows_are_right(port, database_url)


async def the_answers_and_the_rows_are_right(port: int, database_url: str) -> None:
    began = time.time()
    async with WebhookConnection(port) as connection:
        for again in (False, True):
            for number, name in enumerate(CASES):
                path = "/webhooks/telnyx" + ("", "/", f"/{ACCOUNT}", f"/{ACCOUNT}/", "?source=portal")[number % 5]
                answer = await connection.webhook(case_body(name), path=path)
                assert (answer.status, answer.json) == (200, expected_answer(name, again=again)), name
    async with connected(database_url) as reader:
        await the_rows_are_right(reader)
        await the_evidence_proves_them(reader, began)


def expected_answer(name: str, *, again: bool) -> dict[str, str]:
    if (reason := CASES[name].reason) is not None:
        return {"status": "quarantined", "reason": reason}
    return {"status": "duplicate" if again else "accepted", "event_key": str(key_of(case_body(name)))}


async def the_rows_are_right(reader: asyncpg.Connection) -> None:
    expected = all_expected()

    async def unlike() -> list[str]:
        found = await compare.stored_tables(reader)
        for table in PROOFS:
            for row in found[table].values():
                for column in EVIDENCE & row.keys():
                    del row[column]
        return compare.differences(expected, found)

    await eventually(unlike, lambda found: not found)
    assert await reader.fetchval("select count(*) from telnyx.dead_letters") == 0


def all_expected() -> dict[str, dict[tuple[Any, ...], dict[str, Any]]]:
    """Return the expected rows of all cases by primary key, for every compared table, empty ones included."""
    tables: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {table: {} for table in compare.KEYS}
    for name in CASES:
        for table, row in expected_rows(name, ACCOUNT).items():
            where = tuple(row[column] for column in compare.KEYS[table])
            assert where not in tables[table], f"two cases make {where} of {table}"
            tables[table][where] = row
    return tables


async def the_evidence_proves_them(reader: asyncpg.Connection, began: float) -> None:
    """Verify the stored bytes, time and signature against the public key, with libsodium alone."""
    verifier = VerifyKey(public_key())
    bodies = {key_of(case_body(name)): case_body(name) for name in CASES}
    now = datetime.now(UTC)
    for table, key in PROOFS.items():
        for row in await reader.fetch(f"select * from telnyx.{table}"):
            assert row["body"] == bodies[row[key]]
            verifier.verify(row["signed_timestamp"].encode() + b"|" + row["body"], row["signature"])
            assert row["key_id"] == key_id(KEY) == hashlib.sha256(bytes(verifier)).hexdigest()[:16]
            assert began - 1 <= int(row["signed_timestamp"]) <= now.timestamp()
            assert datetime.fromtimestamp(began, UTC) <= row["received_at"] <= now
