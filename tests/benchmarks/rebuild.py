"""`python -m tests.benchmarks.rebuild --events N`: a rebuild of all tables in units of COPY, beside live traffic.

The traffic goes through `dev` on the same database: its sender measures the answers, and the lag is from receipt to
row. Exit status 1 if a row stays wrong, a webhook is refused or a bound is missed.
"""

import argparse
import asyncio
import json
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.stored.__main__ import copied, execute, kept, loaded
from tests.support.environment.programs import PROGRAM, clean_environment, free_port
from tests.support.sql.connections import connected

RATE = 200
MOST_COPIES = 6.0
MOST_MS = 1000.0
COLUMNS = ("wrong before", "rows repaired", "COPY s", "rebuild s", "ratio", "answers", "answers p99 ms", "lag p99 ms")
LAG = """
    select coalesce(percentile_disc(0.99) within group (order by recorded_at - received_at), '0')
    from telnyx.events where account = 'development' and recorded_at >= $1
"""
WRONG = {
    "a wrong row, a missing one, an extra one": """
        update telnyx.message_deliveries set status = 'planted'
        where message_id = (select message_id from telnyx.message_deliveries order by 1 limit 1);
        delete from telnyx.inbound_messages
        where message_id = (select message_id from telnyx.inbound_messages order by 1 limit 1);
        insert into telnyx.link_clicks (event_key, account, clicked_at) values (gen_random_uuid(), 'planted', now())
    """,
    "nothing": "select",
    "message_deliveries, empty and suspended": """
        update telnyx.projection_state set status = 'suspended' where name = 'deliveries';
        truncate telnyx.message_deliveries
    """,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """COPY of all bodies and one rebuild of all tables, both beside the traffic. `answers`: the count of each."""

    wrong: str
    copy_seconds: float
    seconds: float
    rows: int
    answers: dict[str, int]
    answer_p99_ms: float
    lag_p99_ms: float


@contextmanager
def traffic(url: str, directory: Path) -> Iterator[dict[str, Any]]:
    """`simulate` into `dev` in the block; its totals are set after it."""
    environment = clean_environment({"DATABASE_URL": url, "LEDGER_DATA_DIR": str(directory / "dev")})
    environment |= {"LEDGER_PORT": str(free_port()), "LEDGER_SPOOL_DIR": str(directory / "spool")}
    webhooks = f"http://127.0.0.1:{environment['LEDGER_PORT']}/webhooks/telnyx"
    totals: dict[str, Any] = {}
    with (directory / "dev.log").open("wb") as log:
        dev = subprocess.Popen([PROGRAM, "dev"], env=environment, stdout=log, stderr=log)
    try:
        while "Webhook URL" not in (directory / "dev.log").read_text():
            assert dev.poll() is None, (directory / "dev.log").read_text()
            time.sleep(0.1)
        sending = subprocess.Popen(
            [PROGRAM, "simulate", "--url", webhooks, "--rate", str(RATE), "--count", "0", "--json"],
            env=environment,
            stdout=subprocess.PIPE,
        )
        try:
            time.sleep(5)  # the first answers are slow after a cold start
            yield totals
        finally:
            sending.send_signal(signal.SIGTERM)
            totals |= json.loads(sending.communicate()[0])
    finally:
        dev.terminate()
        dev.wait(30)


def rebuilt(url: str) -> tuple[float, int]:
    """Seconds, and the number of rows that differed."""
    began = time.perf_counter()
    environment = clean_environment({"DATABASE_URL": url})
    done = subprocess.run([PROGRAM, "rebuild", "--json"], env=environment, check=True, stdout=subprocess.PIPE)
    return time.perf_counter() - began, sum(difference["rows"] for difference in json.loads(done.stdout))


async def fetched(url: str, query: str, *values: object) -> Any:
    """The one row."""
    async with connected(url) as connection:
        return await connection.fetchrow(query, *values)


def measured(url: str, directory: Path, wrong: str) -> Measured:
    asyncio.run(execute(url, WRONG[wrong]))
    with traffic(url, directory) as totals:
        events, began = asyncio.run(fetched(url, "select count(*), clock_timestamp() from telnyx.events"))
        copy_seconds = asyncio.run(copied(url)) * events
        seconds, rows = rebuilt(url)
        [lag] = asyncio.run(fetched(url, LAG, began))
    return Measured(wrong, copy_seconds, seconds, rows, totals["answers"], totals["p99_ms"], lag.total_seconds() * 1000)


def main() -> None:
    """Loads missing events, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--directory", type=Path, help="where the database is kept, as tests.benchmarks.stored does")
    given = parser.parse_args()
    directory = given.directory or Path(tempfile.gettempdir()) / "telnyx-ledger-stored" / str(given.events)
    table = Table(*COLUMNS, title=f"{given.events:,} stored events")
    holds = True
    with kept(directory) as url:
        loaded(url, given.events, directory)
        for wrong in WRONG:
            result = measured(url, directory, wrong)
            ratio = result.seconds / result.copy_seconds
            answers = ", ".join(f"{count} {answer}" for answer, count in result.answers.items())
            shown = (f"{result.rows:,}", f"{result.copy_seconds:.1f}", f"{result.seconds:.1f}", f"{ratio:.2f}", answers)
            table.add_row(wrong, *shown, f"{result.answer_p99_ms:.0f}", f"{result.lag_p99_ms:.0f}")
            refused = any(not answer.startswith("200") for answer in result.answers)
            holds &= ratio <= MOST_COPIES and result.answer_p99_ms < MOST_MS and not refused
            holds &= (result.rows == 0) == (wrong == "nothing")
    Console(width=140).print(table)
    if not holds:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
