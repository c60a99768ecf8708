"""`rebuild`: the tables as the events give them; what differed is named and mended, or with `--check` only named."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict

from deploy import logs
from deploy.operator_session import enough_rights, which_database
from deploy.output import print_json
from deploy.progress import progress_bar
from deploy.settings import FoundDatabaseSettings
from projections.engine.projection import Projection
from projections.rebuild.drift import Drift
from projections.rebuild.rebuild import Progress, RebuildResult, check, rebuild
from projections.registry import PROJECTIONS, projections_named
from schemas import gc_tuning
from schemas.errors import LedgerError, Unavailable
from schemas.settings import load

Work = Callable[[str, Sequence[Projection], Progress], Awaitable[list[RebuildResult]]]


def run_rebuild(names: Sequence[str], *, check_only: bool, as_json: bool) -> None:
    """Without names: all. Raises LedgerError for what differs (checked only), has dead letters or was given up."""
    settings = load(FoundDatabaseSettings)
    logs.configure(settings.ledger_log_level)
    projections = projections_named(names) if names else PROJECTIONS
    work = check if check_only else rebuild
    gc_tuning.freeze_startup_objects()
    results = asyncio.run(_with_progress(which_database(settings), projections, work))
    if as_json:
        _print_json(results)
    else:
        for result in results:
            _print(result, check_only=check_only)
    problems = [problem for result in results for problem in _problems(result, check_only=check_only)]
    if problems:
        raise LedgerError("\n".join(problems))


async def _with_progress(database_url: str, projections: Sequence[Projection], work: Work) -> list[RebuildResult]:
    with progress_bar() as bar:
        task = bar.add_task("reading events", total=None)
        working = asyncio.ensure_future(
            work(
                database_url,
                projections,
                lambda what, done, total: bar.update(task, description=what, completed=done, total=total),
            )
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, working.cancel)
        await asyncio.wait([working])
    if working.cancelled():
        raise LedgerError("interrupted: nothing was changed")
    try:
        with enough_rights():
            return working.result()
    except Unavailable as away:
        raise Unavailable(f"{away}: nothing was changed; run it again") from None


def _print(result: RebuildResult, *, check_only: bool) -> None:
    for difference in result.drift:
        print(f"{difference.table}: {_words(difference)}")
    found = "no difference"
    if result.rows:
        found = f"differs in {_rows(result)}" if check_only else f"{_rows(result)} repaired"
    state = "live" if result.live else "suspended"
    print(f"{result.name}: {result.events} events, {'given up' if result.record.too_many else found}, {state}")


def _rows(result: RebuildResult) -> str:
    return f"{result.rows} row{'' if result.rows == 1 else 's'}"


def _words(difference: Drift) -> str:
    """`2 wrong in status, parts: message_id=a recipient=b; …`"""
    what = difference.kind + (f" in {', '.join(difference.columns)}" if difference.columns else "")
    keys = "; ".join(" ".join(f"{name}={value}" for name, value in key.items()) for key in difference.keys)
    more = "; …" if difference.rows > len(difference.keys) else ""
    return f"{difference.rows} {what}: {keys}{more}"


def _print_json(results: Sequence[RebuildResult]) -> None:
    rows = [{"projection": result.name, **asdict(difference)} for result in results for difference in result.drift]
    columns = ["projection", "table", "kind", "columns", "rows", "keys"]
    print_json(columns, [[row[name] for name in columns] for row in rows])


def _problems(result: RebuildResult, *, check_only: bool) -> list[str]:
    problems = []
    if result.record.too_many:
        last = list(result.faults.values())[-1]
        problems.append(f"{result.name}: too many events failed, the last with {last.error_class}: nothing was changed")
    elif result.faults and not check_only:
        problems.append(f"{result.name}: {len(result.faults)} events could not be applied: see `dead-letters list`")
    if result.rows and check_only:
        problems.append(f"{result.name}: differs in {_rows(result)}: run `telnyx-ledger rebuild {result.name}`")
    return problems
