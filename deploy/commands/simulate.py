"""`simulate`: a stream by its seed, sent at a rate, and a verdict on the answers."""

import asyncio
import json
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rich.progress import Progress, TextColumn

from deploy.progress import progress_bar
from deploy.settings import DataSettings
from deploy.simulator.connection import Target
from deploy.simulator.expectation import Totals
from deploy.simulator.key import DevelopmentKey, development_key
from deploy.simulator.run import Pace, Simulator
from deploy.simulator.traffic import seeded_clock, traffic, wall_clock
from schemas.errors import LedgerError, Misconfigured
from schemas.settings import load


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for on the command line."""

    url: str
    rate: float
    count: int
    seed: int | None
    chaos: bool
    out: Path | None


def show_public_key() -> None:
    """The entry for TELNYX_PUBLIC_KEYS, alone on stdout."""
    print(development_key(load(DataSettings).ledger_data_dir).public_line)


def run_simulate(plan: Plan, *, as_json: bool) -> None:
    """Raises LedgerError, once the totals are printed, if an answer was not as expected."""
    target = Target.parse(plan.url)
    key = development_key(load(DataSettings).ledger_data_dir)
    totals = Totals()
    started = time.monotonic()
    with ExitStack() as stack:
        if plan.out:
            totals.out = stack.enter_context(_writable(plan.out))
        progress = stack.enter_context(progress_bar(TextColumn("{task.fields[unexpected]} unexpected")))
        asyncio.run(_send(plan, target, key, totals, progress))
    _report(totals, time.monotonic() - started, as_json=as_json)
    if totals.surprising:
        raise LedgerError("\n".join([f"{totals.surprising} answers were not as expected, such as:", *totals.surprises]))


async def _send(plan: Plan, target: Target, key: DevelopmentKey, totals: Totals, progress: Progress) -> None:
    task = progress.add_task("sent", total=plan.count or None, unexpected=0)
    seed = time.time_ns() if plan.seed is None else plan.seed
    clock = wall_clock if plan.seed is None else seeded_clock()
    simulator = Simulator(target, key, Pace(plan.rate, plan.count))
    sending = asyncio.ensure_future(
        simulator.run(
            traffic(seed, clock, chaos=plan.chaos),
            totals,
            lambda: progress.update(task, completed=totals.sent, unexpected=totals.surprising),
        )
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, sending.cancel)
    await asyncio.wait([sending])
    if not sending.cancelled():
        sending.result()


def _writable(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8", buffering=1)
    except OSError as error:
        raise Misconfigured([f"--out: {path} cannot be written: {error.strerror}"]) from None


def _report(totals: Totals, seconds: float, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(totals.summary() | {"seconds": round(seconds, 3)}))
        return
    print(f"sent {totals.sent} webhooks in {seconds:.1f} s ({totals.sent / max(seconds, 0.001):.0f}/s)")
    for answer, count in totals.answers.most_common():
        print(f"{count:>8}  {answer}")
    if totals.latencies:
        print(f"answered in {totals.percentile_ms(0.5)} ms (median), {totals.percentile_ms(0.99)} ms (99 %)")
