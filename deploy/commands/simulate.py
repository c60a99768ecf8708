"""`simulate`: sends a stream given by its seed, at a rate, and compares the answers with the expected ones."""

import asyncio
import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.progress import TextColumn

from deploy.commands import AsJson, command_app
from deploy.interruption import Interrupted, interruptible
from deploy.progress import progress_bar
from deploy.settings import DataSettings
from deploy.simulator.connection import Endpoint
from deploy.simulator.expectation import Totals
from deploy.simulator.key import development_key
from deploy.simulator.run import Pace, Simulator
from deploy.simulator.traffic import seeded_clock, traffic, wall_clock
from schemas.errors import LedgerError, Misconfigured
from schemas.settings import load

app = command_app()


@app.command()
def simulate(
    *,
    url: Annotated[str, typer.Option(help="The webhook URL.")] = "http://127.0.0.1:8080/webhooks/telnyx",
    rate: Annotated[float, typer.Option(min=0, help="Webhooks per second; 0: as fast as they are answered.")] = 10,
    count: Annotated[int, typer.Option(min=0, help="Number of webhooks; 0: until stopped.")] = 100,
    seed: Annotated[
        int | None, typer.Option(help="The same seed sends the same bytes; unset: new events, now.")
    ] = None,
    chaos: Annotated[
        bool, typer.Option("--chaos", help="Add bad signatures, unreadable bodies and odd shapes.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write one JSON line per request: the webhook, the answer.")] = None,
    public_key: Annotated[
        bool, typer.Option("--public-key", help="Print the entry for TELNYX_PUBLIC_KEYS, and exit.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Send signed, realistic traffic and check the answers.

    Exit status 1 if an answer was not as expected.
    """
    data_dir = load(DataSettings).ledger_data_dir
    if public_key:
        print(development_key(data_dir).public_line)
        return
    simulator = Simulator(Endpoint.parse(url), development_key(data_dir), Pace(rate, count))
    clock = wall_clock if seed is None else seeded_clock()
    webhooks = traffic(time.time_ns() if seed is None else seed, clock, chaos=chaos)
    totals = Totals()
    started = time.monotonic()
    with ExitStack() as stack:
        if out:
            totals.out = stack.enter_context(_writable(out))
        bar = stack.enter_context(progress_bar(TextColumn("{task.fields[unexpected]} unexpected")))
        task = bar.add_task("sent", total=count or None, unexpected=0)
        try:
            sending = simulator.run(
                webhooks, totals, lambda: bar.update(task, completed=totals.sent, unexpected=totals.surprising)
            )
            asyncio.run(interruptible(sending))
        except Interrupted:
            pass  # the usual end of a run without a count
    _report(totals, time.monotonic() - started, as_json=as_json)


def _writable(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8", buffering=1)
    except OSError as error:
        raise Misconfigured([f"--out: {path} cannot be written: {error.strerror}"]) from None


def _report(totals: Totals, seconds: float, *, as_json: bool) -> None:
    """Print the totals. Raises LedgerError after that if an answer was not as expected."""
    if as_json:
        print(json.dumps(totals.summary() | {"seconds": round(seconds, 3)}))
    else:
        print(f"sent {totals.sent} webhooks in {seconds:.1f} s ({totals.sent / max(seconds, 0.001):.0f}/s)")
        for answer, count in totals.answers.most_common():
            print(f"{count:>8}  {answer}")
        if totals.latencies:
            print(f"answered in {totals.percentile_ms(0.5)} ms (median), {totals.percentile_ms(0.99)} ms (99 %)")
    if totals.surprising:
        raise LedgerError("\n".join([f"{totals.surprising} answers were not as expected, such as:", *totals.surprises]))
