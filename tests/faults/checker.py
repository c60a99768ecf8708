"""Compares the tables with the promise logs of the senders, as a process that imports nothing of the product.

Argument: a `Case` as JSON. Prints one problem per line, then a line of figures. One snapshot of the tables is compared
with the oracle's tables of the bodies that were sent.
"""

import asyncio
import base64
import dataclasses
import json
import sqlite3
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from tests.contract.tables import TABLES
from tests.faults.cluster.promise_log import Entry, entries
from tests.faults.cluster.traffic import Webhook, stream
from tests.oracle import compare
from tests.oracle.bodies import Delivery
from tests.oracle.tables import tables
from tests.support.sql.connections import connected

ANSWER_SECONDS = 2.0
SHOWN = 20
OF_THE_CLOCK = ("stale_timestamp", "future_timestamp")  # reasons that do not follow from the body


@dataclass(frozen=True, slots=True)
class Case:
    """`promise_logs` maps the seed of each stream to the files of its senders.

    `spools` are directories: records that Kafka refuses stay there, for a person. `excused` are [status, from, to] in
    Unix seconds: in that time a fault makes this status the right answer. 503 is counted at other times too.
    """

    database_url: str
    public_keys: list[str]
    promise_logs: dict[str, list[str]]
    spools: list[str] = field(default_factory=list)
    wait_seconds: float = 60
    excused: list[tuple[int, float, float]] = field(default_factory=list)

    def as_argument(self) -> str:
        return json.dumps(dataclasses.asdict(self))


@dataclass(slots=True)
class Sent:
    """The senders' work: bodies by key, and the keys that were answered 2xx."""

    bodies: dict[str, set[bytes]] = field(default_factory=dict)
    events: set[str] = field(default_factory=set)
    quarantined: set[str] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)
    late: list[str] = field(default_factory=list)
    other_5xx: int = 0
    unexcused_503: int = 0
    slowest_seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


def read(case: Case) -> Sent:
    """Reads the promise logs. A wrong answer is a problem at once."""
    sent = Sent()
    for seed, paths in case.promise_logs.items():
        found = [entry for path in paths for entry in entries(Path(path))]
        webhooks = list(islice(stream(seed), max((entry.number for entry in found), default=-1) + 1))
        for entry in found:
            webhook = webhooks[entry.number]
            if entry.seconds is None:
                sent.bodies.setdefault(webhook.key, set()).add(webhook.body)
            else:
                _judge(case, sent, webhook, entry)
    return sent


# Late answers are only counted: on a starved machine the sender, which measures, is starved too.
def _judge(case: Case, sent: Sent, webhook: Webhook, entry: Entry) -> None:
    assert entry.seconds is not None
    sent.answers[f"{entry.status} {entry.word}"] += 1
    sent.slowest_seconds = max(sent.slowest_seconds, entry.seconds)
    if entry.seconds > ANSWER_SECONDS and entry.status:
        sent.late.append(f"{_clock(entry)} {webhook.key}: {entry.status} {entry.word} took {entry.seconds:.2f} s")
    if entry.status == 200:
        (sent.events if webhook.is_event else sent.quarantined).add(webhook.key)
        expected = {"accepted", "duplicate"} if webhook.is_event else {"quarantined"}
        if entry.word not in expected or entry.key not in ("", webhook.key):
            sent.problems.append(f"{webhook.key}: answered {entry.word} {entry.key}")
    elif entry.status and not _excused(case, entry):
        sent.unexcused_503 += entry.status == 503
        sent.other_5xx += entry.status >= 500 and entry.status != 503
        if entry.status == 503:  # neither Kafka nor the spool took it in time: a busy disk can cause that, rarely
            return
        took = f"after {entry.seconds:.2f} s"
        sent.problems.append(f"{_clock(entry)} {webhook.key}: answered {entry.status} {entry.word} {took}")


def _excused(case: Case, entry: Entry) -> bool:
    assert entry.seconds is not None
    began = entry.at - entry.seconds
    return any(status == entry.status and start <= entry.at and began <= end for status, start, end in case.excused)


def _clock(entry: Entry) -> str:
    """The moment as the product's logs write it, in UTC."""
    return datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="milliseconds")


async def check(case: Case) -> tuple[list[str], dict[str, Any]]:
    """The problems, and figures for a report."""
    sent = read(case)
    async with connected(case.database_url) as connection:
        waited = await _wait_until_stored(connection, sent, case)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            stored = await _stored(connection)
            lost, twice, never_sent = _lost(case, sent, stored)
            wrong = await _wrong_rows(connection, stored, case)
    problems = sent.problems + lost + twice + never_sent + wrong
    figures = {
        "sent": len(sent.bodies),
        "promised": len(sent.events) + len(sent.quarantined),
        "stored": {table: len(rows) for table, rows in stored.items()},
        "lost": len(lost),
        "twice": len(twice),
        "never_sent": len(never_sent),
        "not_projected": len(wrong),
        "late": len(sent.late),
        "late_answers": sent.late[:SHOWN],
        "other_5xx": sent.other_5xx,
        "503": sum(count for answer, count in sent.answers.items() if answer.startswith("503 ")),
        "unexcused_503": sent.unexcused_503,
        "refused": len(_refused_keys(case)),
        "answers": dict(sent.answers),
        "slowest_seconds": round(sent.slowest_seconds, 3),
        "waited_seconds": round(waited, 1),
    }
    return problems, figures


KEYS = {table: TABLES[table].key[-1] for table in ("events", "quarantined_webhooks")}


async def _wait_until_stored(connection: asyncpg.Connection, sent: Sent, case: Case) -> float:
    """Waits for the projectors to catch up; gives the seconds. A key that is still missing is a problem later."""
    began = time.monotonic()
    kept = _refused_keys(case)
    wanted = {"events": sent.events - kept, "quarantined_webhooks": sent.quarantined - kept}
    while time.monotonic() < began + case.wait_seconds:
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


def _lost(case: Case, sent: Sent, stored: dict[str, list[asyncpg.Record]]) -> tuple[list[str], list[str], list[str]]:
    """Three lists: promised but not stored, stored twice, stored but never sent."""
    lost, twice, never_sent = [], [], []
    for table, promised in {"events": sent.events, "quarantined_webhooks": sent.quarantined}.items():
        found = Counter(str(row[KEYS[table]]) for row in stored[table])
        lost += [f"{key}: promised, not in {table}" for key in promised - found.keys() - _refused_keys(case)]
        twice += [f"{key}: {times} times in {table}" for key, times in found.items() if times > 1]
        keys = [(str(row[KEYS[table]]), row["body"]) for row in stored[table]]
        never_sent += [f"{key}: in {table}, never sent" for key, body in keys if body not in sent.bodies.get(key, ())]
    return lost, twice, never_sent


def _refused_keys(case: Case) -> set[str]:
    """Keys of the records that Kafka refused and the spools keep for a person."""
    kept: set[str] = set()
    for spool in case.spools:
        with closing(sqlite3.connect(Path(spool) / "spool.sqlite3")) as database:
            kept |= {key for (key,) in database.execute("select event_key from refused")}
    return kept


async def _wrong_rows(connection: asyncpg.Connection, stored: dict[str, list[asyncpg.Record]], case: Case) -> list[str]:
    """Signatures that do not verify, and rows that differ from the oracle's."""
    verifiers, problems, deliveries = [VerifyKey(base64.b64decode(key)) for key in case.public_keys], [], []
    for row in [*stored["events"], *stored["quarantined_webhooks"]]:
        evidence = [row[name] for name in ("account", "key_id", "received_at", "body", "signature", "signed_timestamp")]
        refused = row["reason"] if row.get("reason") in OF_THE_CLOCK else None
        deliveries.append(Delivery(*[*evidence, refused]))
        if not any(_verifies(verifier, row) for verifier in verifiers):
            problems.append(f"a signature received at {row['received_at']} does not verify")
    problems += compare.differences(tables(deliveries), await compare.stored_tables(connection))
    dead = await connection.fetchval("select count(*) from telnyx.dead_letters")
    suspended = await connection.fetch("select name from telnyx.projection_state where status <> 'live'")
    return problems + ([f"{dead} dead letters"] if dead else []) + [f"{row['name']} is suspended" for row in suspended]


def _verifies(verifier: VerifyKey, row: asyncpg.Record) -> bool:
    try:
        verifier.verify(row["signed_timestamp"].encode() + b"|" + row["body"], row["signature"])
    except BadSignatureError:
        return False
    return True


def main() -> int:
    problems, figures = asyncio.run(check(Case(**json.loads(sys.argv[1]))))
    more = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
    sys.stdout.write("\n".join([*problems[:SHOWN], *more, json.dumps(figures)]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
