"""`verify`: every stored signature, identity and seal, on all cores; what does not hold is named, to the end."""

import asyncio
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType
from typing import NoReturn

from deploy import logs
from deploy.operator_session import operating_on, which_database
from deploy.output import print_json
from deploy.progress import progress_bar
from deploy.settings import KeysSettings
from projections.integrity.checks import EventRange
from projections.integrity.plan import VerificationPlan, plan_verification
from projections.integrity.progress import VerificationProgress, load_progress
from projections.integrity.workers import KEYS, QUARANTINE, Work, WorkerSetup, check_all, cores, name_of, workers
from projections.signing_keys import remembered_keys
from schemas.errors import LedgerError, Misconfigured
from schemas.settings import load

_CHAIN = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """How to verify: `chains` are values that were kept elsewhere; `anew` forgets what an interrupted run did."""

    chains: Sequence[str]
    anew: bool
    as_json: bool


class _Stopped(Exception):
    """Ctrl-C, or SIGTERM."""


def run_verify(wanted: Wanted) -> None:
    """Prints every finding. Raises LedgerError if there is one, or if it was interrupted: the next run goes on then."""
    settings = load(KeysSettings)
    logs.configure(settings.ledger_log_level)
    wrong = [value for value in wanted.chains if not _CHAIN.fullmatch(value)]
    if wrong:
        raise Misconfigured([f"--chain: {value!r} is not a chain value of 64 hex digits" for value in wrong])
    database_url = which_database(settings)
    planned, source = asyncio.run(_plan(database_url, [bytes.fromhex(value) for value in wanted.chains]))
    if settings.telnyx_public_keys or settings.telnyx_public_keys_file:
        source.keys.update(settings.key_ring().by_id)  # the word of who verifies counts first
    state = _state(settings, planned, anew=wanted.anew)
    began = time.monotonic()
    try:
        with _stoppable():
            _check(source, planned, state)
    except _Stopped:
        _print(planned, state, as_json=wanted.as_json)
        raise LedgerError("interrupted: run `telnyx-ledger verify` again, and it goes on from there") from None
    state.delete()
    found = _print(planned, state, as_json=wanted.as_json)
    looked_at = f"{state.events} events, {state.quarantined} quarantined webhooks, {planned.seals} seals"
    if found:
        problem = "keep this database as it is, and compare it with a backup and with Kafka"
        raise LedgerError(f"{looked_at}: {found} findings. What is stored is not what was stored: {problem}")
    if not wanted.as_json:
        print(f"{looked_at}: all of it holds ({time.monotonic() - began:.1f} s)")


async def _plan(database_url: str, chains: Sequence[bytes]) -> tuple[VerificationPlan, WorkerSetup]:
    async with operating_on(database_url) as connection:
        keys = {key.key_id: key for key, _ in await remembered_keys(connection)}
        return await plan_verification(connection, chains), WorkerSetup(database_url, keys)


def _state(settings: KeysSettings, planned: VerificationPlan, *, anew: bool) -> VerificationProgress:
    """Where an interrupted run left off, or a new one. Raises Misconfigured where nothing can be left."""
    path = settings.ledger_data_dir / f"verify-{planned.identity}.json"
    now = datetime.now(UTC).isoformat(timespec="seconds")
    state = VerificationProgress(path, now) if anew else load_progress(path, now=now)
    try:
        state.save()
    except OSError as error:
        problem = f"{error.strerror}; what a verify that is interrupted has done is kept there"
        raise Misconfigured([f"LEDGER_DATA_DIR: {settings.ledger_data_dir}: {problem}"]) from None
    if state.done:
        done = f"{state.events} events were done by then"
        print(f"going on where the verify of {state.began_at} was interrupted: {done} (--anew: all)", file=sys.stderr)
    return state


def _check(source: WorkerSetup, planned: VerificationPlan, state: VerificationProgress) -> None:
    """Everything that is not done yet. Whatever ends it, what is done is saved."""
    work: list[Work] = [KEYS, *planned.ranges, QUARANTINE]  # the one that takes longest is not the last to begin
    left = [item for item in work if name_of(item) not in state.done]
    expected = state.events + sum(item.expected_events for item in left if isinstance(item, EventRange))
    with workers(source, min(cores(), len(left))) as pipes, progress_bar() as bar:
        task = bar.add_task("events verified", completed=state.events, total=expected)
        for item, checked in check_all(pipes, left):
            state.add(name_of(item), checked)
            state.save()
            expected += checked.events - (item.expected_events if isinstance(item, EventRange) else 0)
            bar.update(task, completed=state.events, total=expected)


def _print(planned: VerificationPlan, state: VerificationProgress, *, as_json: bool) -> int:
    """Prints the findings, each once; how many there are."""
    findings = list(dict.fromkeys([*planned.findings, *state.findings]))
    if as_json:
        print_json(["what", "problem"], findings)
    else:
        for what, problem in findings:
            print(f"{what}  {problem}")
    return len(findings)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Raises _Stopped in the block on the first SIGINT or SIGTERM; further ones do not disturb what then ends."""

    def stop(*_: int | FrameType | None) -> NoReturn:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        raise _Stopped

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
