"""`python -m tests.benchmarks.stored --events N`: the time of queries on a ledger with N events.

The database stays in `--directory` and is used again for the same N. Exit status 1 if a bound is missed.
"""

import argparse
import asyncio
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
from rich.console import Console
from rich.table import Table

from deploy.embedded.postgres import EmbeddedPostgres
from deploy.progress import progress_bar
from projections.registry import PROJECTIONS
from schemas.sql.migrate import migrate
from tests.benchmarks.stored import events as stored_events
from tests.benchmarks.stored.questions import Answer, people_questions, view_questions
from tests.support.environment.programs import PROGRAM, clean_environment
from tests.support.sql.connections import connected

# As PostgreSQL's manual advises for a server of that size; work_mem and all that a question depends on are as in `dev`.
SETTINGS = {"shared_buffers": "2GB", "max_wal_size": "4GB", "maintenance_work_mem": "512MB"}
SAMPLE = 100_000
_CONSOLE = Console(stderr=True)


@contextmanager
def kept(directory: Path) -> Iterator[str]:
    """Runs the server of a directory in the block and migrates an older schema. Gives its URL."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o755)
    postgres = EmbeddedPostgres(directory / "data", report=lambda _: None, settings=SETTINGS)
    try:
        url = postgres.start()
        asyncio.run(migrate(url, lambda _: None))
        yield url
    finally:
        postgres.stop()


def loaded(url: str, events: int, directory: Path) -> dict[str, Any]:
    """The content of the directory and the seconds it took. It is loaded and rebuilt first if necessary."""
    marker = directory / "loaded.json"
    if not marker.exists():
        asyncio.run(
            execute(url, "drop schema if exists telnyx cascade; drop schema if exists telnyx_partitions cascade")
        )
        asyncio.run(migrate(url, lambda _: None))
    found: dict[str, Any] = json.loads(marker.read_text()) if marker.exists() else _load(url, events, directory)
    marker.write_text(json.dumps(found))
    if "rebuild_seconds" not in found:
        _CONSOLE.print("the tables are rebuilt")
        found["rebuild_seconds"] = round(rebuilt(url), 1)
        asyncio.run(execute(url, "vacuum (analyze)"))
        marker.write_text(json.dumps(found))
    return found


def _load(url: str, events: int, directory: Path) -> dict[str, Any]:
    _CONSOLE.print(f"{events:,} events are made, signed and copied into {directory}")
    ends_at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    began = time.perf_counter()
    with progress_bar() as bar:
        task = bar.add_task("events", total=events)
        count = stored_events.load(url, events, ends_at, lambda done: bar.update(task, completed=done))
    load_seconds = time.perf_counter() - began
    copy_seconds = asyncio.run(copied(url)) * count
    return {"events": count, "load_seconds": round(load_seconds, 1), "copy_seconds": round(copy_seconds, 1)}


async def execute(url: str, statement: str) -> None:
    async with connected(url) as connection:
        await connection.execute(statement)


async def copied(url: str) -> float:
    """Seconds per event by one COPY of stored rows into a table with the same columns, constraints and indexes."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("create table copied (like telnyx.events including all excluding comments)")
        names = ", ".join(stored_events.COLUMNS)
        rows = await connection.fetch(f"select {names} from telnyx.events order by position limit {SAMPLE}")
        began = time.perf_counter()
        await connection.copy_records_to_table("copied", records=rows, columns=stored_events.COLUMNS)
        return (time.perf_counter() - began) / len(rows)
    finally:
        await connection.execute("drop table if exists copied")
        await connection.close()


def rebuilt(url: str) -> float:
    """Seconds of a `rebuild` of all tables."""
    began = time.perf_counter()
    names = [projection.name for projection in PROJECTIONS]
    environment = clean_environment({"DATABASE_URL": url})
    subprocess.run([PROGRAM, "rebuild", *names], env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def shown(found: dict[str, Any], answers: list[Answer]) -> Table:
    title = f"{found['events']:,} stored events, one account of {stored_events.SHARES[stored_events.LARGE]} %, warm"
    table = Table("question", "rows", "ms", "at most", title=title)
    for answer in answers:
        late = "" if answer.holds else " [red]missed[/]"
        table.add_row(answer.name, f"{answer.rows:,}", f"{answer.ms:.1f}", f"{answer.limit_ms:,.0f}{late}")
    return table


def told(found: dict[str, Any]) -> str:
    """The rebuild in units of COPY: one of the same rows into a table with the same indexes."""
    copy, rebuild = found["copy_seconds"], found["rebuild_seconds"]
    return f"load {found['load_seconds']} s, COPY {copy} s, rebuild {rebuild} s: {rebuild / copy:.2f} times COPY"


async def measured(url: str, people: int) -> list[Answer]:
    answers = await view_questions(url)
    if people:
        _CONSOLE.print(f"{people:,} people who opted out, in a database of their own")
        answers += await people_questions(url, people)
    return answers


def main() -> None:
    """Loads missing events, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument(
        "--people", type=int, default=1_000_000, help="in the account whose opt-outs are asked for; 0: none"
    )
    parser.add_argument("--directory", type=Path, help="where the database is kept")
    given = parser.parse_args()
    directory = given.directory or Path(tempfile.gettempdir()) / "telnyx-ledger-stored" / str(given.events)
    with kept(directory) as url:
        found = loaded(url, given.events, directory)
        answers = asyncio.run(measured(url, given.people))
    Console(width=120).print(shown(found, answers))
    _CONSOLE.print(told(found))
    if not all(answer.holds for answer in answers):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
