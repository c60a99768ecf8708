"""`replay`: stored events into the Kafka topics once more, for a consumer that is new or has lost what it had."""

import asyncio
import json
import signal
import sys
from collections.abc import Coroutine, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from rich.progress import TextColumn

from deploy import logs
from deploy.kafka_sink import kafka_sink
from deploy.operator_session import operating_on, which_database
from deploy.progress import progress_bar
from deploy.settings import ReplaySettings
from projections.recovery.replay import ReplayProgress, ReplayRequest, replay
from schemas.errors import LedgerError, Misconfigured, Unavailable
from schemas.kafka.topics import Topics
from schemas.reading.normalize import timestamp
from schemas.settings import load


@dataclass(frozen=True, slots=True)
class Asked:
    """What stands on the command line."""

    since: str | None
    until: str | None
    types: Sequence[str]
    rate: float
    after: int


def run_replay(asked: Asked, *, as_json: bool) -> None:
    """Prints the number of events. Raises LedgerError if some were refused or a signal interrupted it, and Unavailable.

    The message of an unfinished run says how to continue it.
    """
    request = requested(asked)
    settings = load(ReplaySettings)
    logs.configure(settings.ledger_log_level)
    done = asyncio.run(_interruptible(_replay(settings, request)))
    if as_json:
        print(json.dumps(asdict(done)))
    else:
        print(f"{done.events} events replayed to {settings.ledger_topic_prefix}.*, up to position {done.position}")
        print("what is stored from now on is published as it comes")
    if done.refused:
        raise LedgerError(f"{len(done.refused)} events could not be replayed")


def requested(asked: Asked) -> ReplayRequest:
    """Raises Misconfigured with everything that is wrong."""
    problems = []
    times = {}
    for name, words in (("--since", asked.since), ("--until", asked.until)):
        times[name] = None if words is None else timestamp(words) or timestamp(f"{words}T00:00Z")
        if words is not None and times[name] is None:
            problems.append(f"{name}: expected a time such as 2026-03-01 or 2026-03-01T12:00:00Z, found {words!r}")
    since, until = times["--since"], times["--until"]
    if since and until and since >= until:
        problems.append("--since: is not before --until")
    problems += [
        f"--type: {name!r}: expected an event type, or the beginning of one and `*`"
        for name in asked.types
        if "*" in name[:-1] or not name
    ]
    if problems:
        raise Misconfigured(problems)
    return ReplayRequest(since, until, tuple(asked.types) or ("*",), asked.after, asked.rate)


def _how_far(done: ReplayProgress) -> str:
    return f"{done.events} events replayed; go on with the same command and `--after {done.position}`"


async def _interruptible(work: Coroutine[Any, Any, ReplayProgress]) -> ReplayProgress:
    """Cancels the work on SIGINT and SIGTERM."""
    working = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    return await working


async def _replay(settings: ReplaySettings, request: ReplayRequest) -> ReplayProgress:
    done = ReplayProgress(position=request.after)
    topics, began_at = Topics(settings.ledger_topic_prefix), datetime.now(UTC)
    try:
        async with operating_on(which_database(settings)) as connection, kafka_sink(settings) as kafka:
            with progress_bar(TextColumn("{task.fields[events]} events")) as bar:
                task = bar.add_task("position", total=None, events=0)
                async for done in replay(connection, kafka, request=request, topics=topics, began_at=began_at):
                    bar.update(task, completed=done.position, total=done.end, events=done.events)
    except asyncio.CancelledError:
        raise LedgerError(f"interrupted: {_how_far(done)}") from None
    except Unavailable as unavailable:
        raise Unavailable(f"{unavailable}: {_how_far(done)}") from None
    finally:
        for key, why in done.refused.items():
            print(f"{key}: {why}", file=sys.stderr)
    return done
