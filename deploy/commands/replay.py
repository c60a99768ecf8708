"""`replay`: publishes stored events to the Kafka topics again, for a consumer that is new or lost its data."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.progress import TextColumn

from deploy.commands import AsJson, command_app, load_and_log
from deploy.interruption import interruptible
from deploy.kafka_sink import kafka_sink
from deploy.operator_session import operator_session
from deploy.progress import progress_bar
from deploy.settings import ReplaySettings
from projections.recovery.replay import ReplayProgress, ReplayRequest
from projections.recovery.replay import replay as replay_events
from schemas.errors import LedgerError, Misconfigured, Unavailable
from schemas.kafka.topics import Topics
from schemas.reading.normalize import timestamp

app = command_app()


@app.command()
def replay(
    *,
    since: Annotated[str | None, typer.Option(help="Events that occurred at or after this time (UTC).")] = None,
    until: Annotated[str | None, typer.Option(help="Events that occurred before this time (UTC).")] = None,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", help="Only this event type, or with a final `*` a prefix: 'message.*'. Repeatable."),
    ] = None,
    rate: Annotated[float, typer.Option(min=0, help="At most this many events per second; 0: no limit.")] = 0,
    after: Annotated[int, typer.Option(min=0, help="Continue after this position of an interrupted run.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Publish stored events to Kafka again.

    They go to the topics of LEDGER_TOPIC_PREFIX, as ingest published them, with the header `ledger_replay`. Existing
    consumers see duplicates. The tables here do not change.
    """
    request = request_of(since, until, types or [], after=after, rate=rate)
    settings = load_and_log(ReplaySettings)
    done = asyncio.run(interruptible(_replay(settings, request)))
    if as_json:
        print(json.dumps(asdict(done)))
    else:
        print(f"{done.events} events replayed to {settings.ledger_topic_prefix}.*, up to position {done.position}")
        print("`ingest` publishes later events as they arrive")
    if done.refused:
        raise LedgerError(f"{len(done.refused)} events could not be replayed")


def request_of(since: str | None, until: str | None, types: Sequence[str], *, after: int, rate: float) -> ReplayRequest:
    """Return the events to replay, and how. Raises Misconfigured with every problem."""
    problems = []
    times = {}
    for name, text in (("--since", since), ("--until", until)):
        times[name] = None if text is None else timestamp(text) or timestamp(f"{text}T00:00Z")
        if text is not None and times[name] is None:
            problems.append(f"{name}: expected a time such as 2026-03-01 or 2026-03-01T12:00:00Z, found {text!r}")
    start, end = times["--since"], times["--until"]
    if start and end and start >= end:
        problems.append("--since: is not before --until")
    problems += [
        f"--type: {name!r}: expected an event type, or the beginning of one and `*`"
        for name in types
        if "*" in name[:-1] or not name
    ]
    if problems:
        raise Misconfigured(problems)
    return ReplayRequest(start, end, tuple(types) or ("*",), after, rate)


def _how_to_continue(done: ReplayProgress) -> str:
    return f"{done.events} events replayed; continue with the same command and `--after {done.position}`"


async def _replay(settings: ReplaySettings, request: ReplayRequest) -> ReplayProgress:
    """Replay to the end. An unfinished run raises LedgerError or Unavailable, and its message says how to continue."""
    done = ReplayProgress(position=request.after)
    topics, began_at = Topics(settings.ledger_topic_prefix), datetime.now(UTC)
    try:
        async with operator_session(settings) as connection, kafka_sink(settings) as kafka:
            with progress_bar(TextColumn("{task.fields[events]} events")) as bar:
                task = bar.add_task("position", total=None, events=0)
                async for done in replay_events(connection, kafka, request=request, topics=topics, began_at=began_at):
                    bar.update(task, completed=done.position, total=done.end, events=done.events)
    except asyncio.CancelledError:
        raise LedgerError(f"interrupted: {_how_to_continue(done)}") from None
    except Unavailable as unavailable:
        raise Unavailable(f"{unavailable}: {_how_to_continue(done)}") from None
    finally:
        for key, problem in done.refused.items():
            print(f"{key}: {problem}", file=sys.stderr)
    return done
