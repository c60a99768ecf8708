"""The judge as a process of its own: are the tables what the senders' ledgers promise? Imports nothing of the product.

Argument: a `Case` as JSON; prints the problems, one a line, and then a line of figures. What is stored is compared in
one snapshot with the second computation of every table, made from the bodies that were sent.
"""

import asyncio
import base64
import dataclasses
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from tests.faults.ledger import Entry, entries
from tests.faults.traffic import Webhook, stream
from tests.oracle import compare
from tests.oracle.bodies import Delivery
from tests.oracle.tables import tables

ANSWER_SECONDS = 2.0
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Case:
    """`ledgers` maps the seed of each stream to the files of those who sent it."""

    database_url: str
    public_key: str
    ledgers: dict[str, list[str]]
    wait_seconds: float = 60
    statuses: list[int] = field(default_factory=lambda: [200])

    def as_argument(self) -> str:
        return json.dumps(dataclasses.asdict(self))


@dataclass(slots=True)
class Sent:
    """All that the senders did: bodies by key, and the keys of what was promised."""

    bodies: dict[str, set[bytes]] = field(default_factory=dict)
    events: set[str] = field(default_factory=set)
    quarantined: set[str] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)
    slowest_seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


def read(case: Case) -> Sent:
    """The ledgers. What an answer says wrong is a problem at once."""
    sent = Sent()
    for seed, paths in case.ledgers.items():
        found = [entry for path in paths for entry in entries(Path(path))]
        webhooks = list(islice(stream(seed), max((entry.number for entry in found), default=-1) + 1))
        for entry in found:
            webhook = webhooks[entry.number]
            if entry.seconds is None:
                sent.bodies.setdefault(webhook.key, set()).add(webhook.body)
            else:
                _judge(case, sent, webhook, entry)
    return sent


def _judge(case: Case, sent: Sent, webhook: Webhook, entry: Entry) -> None:
    assert entry.seconds is not None
    sent.answers[f"{entry.status} {entry.word}"] += 1
    sent.slowest_seconds = max(sent.slowest_seconds, entry.seconds)
    if entry.seconds > ANSWER_SECONDS:
        sent.problems.append(f"{_clock(entry)} {webhook.key}: {entry.status} {entry.word} took {entry.seconds:.2f} s")
    if entry.status == 200:
        (sent.events if webhook.is_event else sent.quarantined).add(webhook.key)
        expected = {"accepted", "duplicate"} if webhook.is_event else {"quarantined"}
        if entry.word not in expected or entry.key not in ("", webhook.key):
            sent.problems.append(f"{webhook.key}: answered {entry.word} {entry.key}")
    elif entry.status and entry.status not in case.statuses:
        took = f"after {entry.seconds:.2f} s"
        sent.problems.append(f"{_clock(entry)} {webhook.key}: answered {entry.status} {entry.word} {took}")


def _clock(entry: Entry) -> str:
    """To find the moment in the logs of the product, which are in UTC."""
    return datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="milliseconds")


async def judge(case: Case) -> tuple[list[str], dict[str, Any]]:
    """The problems, and figures for a report."""
    sent = read(case)
    connection = await asyncpg.connect(case.database_url)
    try:
        waited = await _all_is_stored(connection, sent, case.wait_seconds)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            stored = await _stored(connection)
            problems = sent.problems + _lost(sent, stored) + await _unlike(connection, sent, stored, case)
    finally:
        await connection.close()
    figures = {
        "sent": len(sent.bodies),
        "promised": len(sent.events) + len(sent.quarantined),
        "stored": {table: len(rows) for table, rows in stored.items()},
        "answers": dict(sent.answers),
        "slowest_seconds": round(sent.slowest_seconds, 3),
        "waited_seconds": round(waited, 1),
    }
    return problems, figures


KEYS = {"events": "event_key", "quarantined_webhooks": "quarantine_key"}


async def _all_is_stored(connection: asyncpg.Connection, sent: Sent, seconds: float) -> float:
    """Wait for the projectors to catch up; gives how long. What is missing then is a problem of later."""
    began = time.monotonic()
    wanted = {"events": sent.events, "quarantined_webhooks": sent.quarantined}
    while time.monotonic() < began + seconds:
        missing = 0
        for table, key in KEYS.items():
            absent = f"not exists (select from telnyx.{table} where {key} = wanted)"
            query = f"select count(*) from unnest($1::uuid[]) wanted where {absent}"
            missing += await connection.fetchval(query, list(wanted[table]))
        if not missing:
            break
        await asyncio.sleep(0.2)
    return time.monotonic() - began


async def _stored(connection: asyncpg.Connection) -> dict[str, list[asyncpg.Record]]:
    return {table: await connection.fetch(f"select * from telnyx.{table}") for table in KEYS}


def _lost(sent: Sent, stored: dict[str, list[asyncpg.Record]]) -> list[str]:
    """Promised and not there, there twice, or there and never sent."""
    problems = []
    for table, promised in {"events": sent.events, "quarantined_webhooks": sent.quarantined}.items():
        found = Counter(str(row[KEYS[table]]) for row in stored[table])
        problems += [f"{key}: promised, not in {table}" for key in promised - found.keys()]
        problems += [f"{key}: {times} times in {table}" for key, times in found.items() if times > 1]
        for row in stored[table]:
            if row["body"] not in sent.bodies.get(str(row[KEYS[table]]), ()):
                problems.append(f"{row[KEYS[table]]}: in {table}, never sent")
    return problems


async def _unlike(
    connection: asyncpg.Connection, sent: Sent, stored: dict[str, list[asyncpg.Record]], case: Case
) -> list[str]:
    """Signatures that do not verify, and rows of any table that are not those of the definition."""
    verifier, problems, deliveries = VerifyKey(base64.b64decode(case.public_key)), [], []
    for row in [*stored["events"], *stored["quarantined_webhooks"]]:
        evidence = [row[name] for name in ("account", "key_id", "received_at", "body", "signature", "signed_timestamp")]
        deliveries.append(Delivery(*evidence))
        try:
            verifier.verify(row["signed_timestamp"].encode() + b"|" + row["body"], row["signature"])
        except BadSignatureError:
            problems.append(f"a signature received at {row['received_at']} does not verify")
    problems += compare.differences(tables(deliveries), await compare.stored_tables(connection))
    dead = await connection.fetchval("select count(*) from telnyx.dead_letters")
    suspended = await connection.fetch("select name from telnyx.projection_state where status <> 'live'")
    return problems + ([f"{dead} dead letters"] if dead else []) + [f"{row['name']} is suspended" for row in suspended]


def main() -> int:
    problems, figures = asyncio.run(judge(Case(**json.loads(sys.argv[1]))))
    more = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
    sys.stdout.write("\n".join([*problems[:SHOWN], *more, json.dumps(figures)]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
