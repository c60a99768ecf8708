"""`rebuild`: recomputes tables from the events and repairs every row that differs, or with `--check` names them."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from deploy.commands import AsJson, command_app, load_and_log
from deploy.interruption import Interrupted, interruptible
from deploy.operator_session import resolve_database_url, rights_explained
from deploy.output import show
from deploy.progress import progress_bar
from deploy.settings import FoundDatabaseSettings
from projections.rebuild import rebuild as rebuilding
from projections.rebuild.drift import Drift
from projections.rebuild.result import RebuildResult
from projections.registry import PROJECTIONS, projections_named
from schemas import gc_tuning
from schemas.errors import LedgerError, Unavailable

app = command_app()


@app.command()
def rebuild(
    names: Annotated[
        list[str] | None, typer.Argument(help="Projections, by their names in `projection_state`; none: all.")
    ] = None,
    *,
    check: Annotated[bool, typer.Option("--check", help="Change nothing. Exit status 1 if anything differs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Recompute tables from the events and repair differences.

    Other processes keep running. A suspended projection becomes live again. Exit status 1 if an event could not be
    applied.
    """
    settings = load_and_log(FoundDatabaseSettings)
    projections = projections_named(names) if names else PROJECTIONS
    gc_tuning.freeze_startup_objects()
    database_url = resolve_database_url(settings)
    work = rebuilding.check if check else rebuilding.rebuild
    try:
        with rights_explained(), progress_bar() as bar:
            task = bar.add_task("reading events", total=None)

            def progress(stage: str, done: int, total: int) -> None:
                bar.update(task, description=stage, completed=done, total=total)

            results = asyncio.run(interruptible(work(database_url, projections, progress)))
    except Interrupted:
        raise LedgerError("interrupted: nothing was changed") from None
    except Unavailable as unavailable:
        raise Unavailable(f"{unavailable}: nothing was changed; run it again") from None
    _show(results, check_only=check, as_json=as_json)
    problems = [problem for result in results for problem in _problems(result, check_only=check)]
    if problems:
        raise LedgerError("\n".join(problems))


def _show(results: Sequence[RebuildResult], *, check_only: bool, as_json: bool) -> None:
    if as_json:
        rows = [
            {"projection": result.name, **asdict(drift)}
            for result in results
            for drift in (*result.drift, *result.kept)
        ]
        columns = ["projection", "table", "kind", "columns", "rows", "keys"]
        show(columns, [[row[name] for name in columns] for row in rows], as_json=True)
        return
    for result in results:
        _print(result, check_only=check_only)


def _print(result: RebuildResult, *, check_only: bool) -> None:
    for drift in result.drift:
        print(f"{drift.table}: {_description(drift)}")
    for kept in result.kept:
        print(f"{kept.table}: {_description(kept)} (their events were given up)")
    found = "no difference"
    if result.rows:
        found = f"differs in {_rows(result)}" if check_only else f"{_rows(result)} repaired"
    state = "live" if result.live else "suspended"
    print(f"{result.name}: {result.events} events, {'given up' if result.given_up else found}, {state}")


def _rows(result: RebuildResult) -> str:
    return f"{result.rows} row{'' if result.rows == 1 else 's'}"


def _description(drift: Drift) -> str:
    """Return e.g. `2 wrong in status, parts: message_id=a recipient=b; …`."""
    kind = drift.kind + (f" in {', '.join(drift.columns)}" if drift.columns else "")
    keys = "; ".join(" ".join(f"{name}={value}" for name, value in key.items()) for key in drift.keys)
    more = "; …" if drift.rows > len(drift.keys) else ""
    return f"{drift.rows} {kind}: {keys}{more}"


def _problems(result: RebuildResult, *, check_only: bool) -> list[str]:
    problems = []
    if result.given_up:
        last = list(result.faults.values())[-1]
        problems.append(f"{result.name}: too many events failed, the last with {last.error_class}: nothing was changed")
    elif result.faults and not check_only:
        problems.append(f"{result.name}: {len(result.faults)} events could not be applied: see `dead-letters list`")
    if result.rows and check_only:
        problems.append(f"{result.name}: differs in {_rows(result)}: run `telnyx-ledger rebuild {result.name}`")
    return problems
