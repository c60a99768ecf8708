"""`verify`: checks every stored signature, identity and seal on all cores, and names every problem up to the end."""

import asyncio
import re
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from deploy.commands import AsJson, command_app, load_and_log
from deploy.interruption import Interrupted, interruptible_block
from deploy.operator_session import operator_session, resolve_database_url
from deploy.output import show
from deploy.progress import progress_bar
from deploy.settings import KeysSettings
from projections.integrity.plan import VerificationPlan, plan_verification
from projections.integrity.progress import VerificationProgress, load_progress
from projections.integrity.workers import WorkerSetup, running_checks
from projections.signing_keys import remembered_keys
from schemas.errors import LedgerError, Misconfigured

_CHAIN = re.compile(r"[0-9a-fA-F]{64}")

app = command_app()


@app.command()
def verify(
    *,
    chain: Annotated[
        list[str] | None, typer.Option(metavar="HEX", help="A value of `seal export` that was kept elsewhere.")
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Do not resume an interrupted run.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check every stored signature, event_key and seal.

    Also checks that no event is stored twice. Every problem is named, and any problem makes the exit status 1. An
    interrupted run resumes from a checkpoint in LEDGER_DATA_DIR.
    """
    settings = load_and_log(KeysSettings)
    planned, source = asyncio.run(_plan(settings, _chains(chain or [])))
    if settings.telnyx_public_keys or settings.telnyx_public_keys_file:
        source.keys.update(settings.key_ring().by_id)  # a configured key takes precedence over a remembered one
    path = settings.ledger_data_dir / f"verify-{planned.identity}.json"
    state = _state(path, anew=anew)
    began = time.monotonic()
    try:
        with interruptible_block():
            _check(source, planned, state, path)
    except Interrupted:
        _print(planned, state, as_json=as_json)
        raise LedgerError("interrupted: run `telnyx-ledger verify` again to resume") from None
    path.unlink(missing_ok=True)
    problems = _print(planned, state, as_json=as_json)
    checked = f"{state.events} events, {state.quarantined} quarantined webhooks and {planned.seals} seals"
    if problems:
        raise LedgerError(
            f"{problems} problems found in {checked}: stored data was altered or lost. Do not change this database;"
            " compare it with a backup and with Kafka"
        )
    if not as_json:
        print(f"{checked}: OK ({time.monotonic() - began:.1f} s)")


def _chains(values: Sequence[str]) -> list[bytes]:
    wrong = [value for value in values if not _CHAIN.fullmatch(value)]
    if wrong:
        raise Misconfigured([f"--chain: {value!r} is not a chain value of 64 hex digits" for value in wrong])
    return [bytes.fromhex(value) for value in values]


async def _plan(settings: KeysSettings, chains: Sequence[bytes]) -> tuple[VerificationPlan, WorkerSetup]:
    async with operator_session(settings) as connection:
        keys = {key.key_id: key for key, _ in await remembered_keys(connection)}
        return await plan_verification(connection, chains), WorkerSetup(resolve_database_url(settings), keys)


def _state(path: Path, *, anew: bool) -> VerificationProgress:
    """Return the checkpoint of an interrupted run, or a new one. Raises Misconfigured if it cannot be saved."""
    saved = None if anew else load_progress(path)
    state = saved or VerificationProgress(datetime.now(UTC).isoformat(timespec="seconds"))
    try:
        state.save(path)
    except OSError as error:
        problem = f"{error.strerror}; verify keeps its checkpoint there, so name a writable directory"
        raise Misconfigured([f"LEDGER_DATA_DIR: {path.parent}: {problem}"]) from None
    if state.done:
        done = f"{state.events} events are checked already"
        print(f"resuming the verify that began at {state.began_at}: {done} (--anew: start again)", file=sys.stderr)
    return state


def _check(source: WorkerSetup, planned: VerificationPlan, state: VerificationProgress, path: Path) -> None:
    """Check everything that the checkpoint does not hold yet, and save each piece as it is done."""
    left = [check for check in planned.checks if check.name not in state.done]
    expected = state.events + sum(check.expected_events for check in left)
    with running_checks(source, left) as results, progress_bar() as bar:
        task = bar.add_task("events verified", completed=state.events, total=expected)
        for check, result in results:
            state.add(check.name, result)
            state.save(path)
            expected += result.events - check.expected_events
            bar.update(task, completed=state.events, total=expected)


def _print(planned: VerificationPlan, state: VerificationProgress, *, as_json: bool) -> int:
    """Print each problem once, and return their number."""
    problems = list(dict.fromkeys([*planned.findings, *state.findings]))
    if as_json:
        show(["what", "problem"], problems, as_json=True)
    else:
        for what, problem in problems:
            print(f"{what}  {problem}")
    return len(problems)
