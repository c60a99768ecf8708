"""`evidence`: writes everything that is known about one person into a folder that proves itself."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from deploy.commands import AsJson, command_app, load_and_log
from deploy.evidence.folder import refuse_bad_place, write_folder
from deploy.interruption import Interrupted, interruptible, interruptible_block
from deploy.operator_session import operator_session
from deploy.progress import progress_bar
from deploy.settings import FoundDatabaseSettings
from projections.evidence.dossier import Dossier, dossier
from schemas.errors import LedgerError, Misconfigured
from schemas.reading.normalize import phone as normalized_phone
from schemas.reading.normalize import timestamp
from schemas.reading.signing import verify

app = command_app()


@app.command()
def evidence(
    phone: Annotated[str, typer.Option(help="The person's number, such as +13125550100.")],
    out: Annotated[Path, typer.Option(help="The folder to make; it must be absent or empty.")],
    *,
    profile: Annotated[str | None, typer.Option(help="Only this messaging profile.")] = None,
    at: Annotated[str | None, typer.Option(help="As of this time, e.g. 2026-03-01T12:00:00Z.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a folder that proves what is known about a person.

    It holds a page to read, the signed originals, and a script that checks them. The page says what it leaves out. An
    interrupted run leaves nothing. If stored data was altered, the folder is written and the exit status is 1.
    """
    number, moment = _phone_and_moment(phone, at)
    out = out.absolute()
    refuse_bad_place(out)
    settings = load_and_log(FoundDatabaseSettings)

    async def read() -> Dossier:
        async with operator_session(settings) as connection:
            return await dossier(connection, number, profile, moment)

    try:
        with progress_bar() as bar:
            writing = bar.add_task("written", total=None)
            found = asyncio.run(interruptible(read()))
            with interruptible_block():
                digest = write_folder(found, out, lambda done, total: bar.update(writing, completed=done, total=total))
    except Interrupted:
        raise LedgerError("interrupted: nothing was written") from None
    _report(found, digest, out, as_json=as_json)
    if problems := _unproved(found):
        remedy = "the folder was written but will not verify: run `telnyx-ledger verify`"
        raise LedgerError("\n".join([*problems, remedy]))


def _phone_and_moment(phone: str, at: str | None) -> tuple[str, datetime | None]:
    """Return the number as the tables spell it, and the moment. Raises Misconfigured."""
    number, moment = normalized_phone(phone), timestamp(at)
    problems = []
    if number is None:
        problems.append("--phone: expected a number, such as +13125550100")
    if at is not None and moment is None:
        problems.append(f"--at: {at!r} is not a time; expected 2026-03-01T12:00:00Z, or an offset such as +01:00")
    if moment is not None and moment > datetime.now(UTC):
        problems.append(f"--at: {at} is in the future; leave it out for everything that is known now")
    if number is None or problems:
        raise Misconfigured(problems)
    return number, moment


def _report(found: Dossier, digest: str, out: Path, *, as_json: bool) -> None:
    originals, sealed = len(found.originals), len(found.proofs)
    if as_json:
        print(json.dumps({"folder": str(out), "originals": originals, "sealed": sealed, "manifest_sha256": digest}))
        return
    print(f"{out}: {originals} originals, {sealed} of them covered by seals")
    if sealed < originals and not found.broken_seals:
        print("to cover the others, run `telnyx-ledger seal now` and make the folder again")
    if found.missing:
        print(f"{found.missing} more are no longer stored: unless you dropped them, run `telnyx-ledger verify`")
    print(f"for the covering letter: SHA-256 of manifest.sha256 is {digest}")
    print(f"anyone can check the folder with: pip install pynacl && python -I {out / 'verify.py'}")


def _unproved(found: Dossier) -> list[str]:
    """Return the problems that the folder's own script will find, because stored data was altered."""
    keys = {key.key_id: key.public_key for key, _ in found.keys}
    unsigned = [
        f"{original.key}: not signed by the key that it names"
        for original in found.originals
        if not verify(
            keys.get(original.row["key_id"], b""),
            original.row["signature"],
            original.row["signed_timestamp"].encode(),
            original.row["body"],
        )
    ]
    return [*unsigned, *(f"seal {seq}: does not match its events" for seq in found.broken_seals)]
