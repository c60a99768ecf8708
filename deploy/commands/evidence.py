"""`evidence`: everything that is known of one person, as a folder that proves itself."""

import asyncio
import json
import signal
from datetime import UTC, datetime
from pathlib import Path

from deploy import logs
from deploy.evidence.folder import refuse_bad_place, write_folder
from deploy.operator_session import operating_on, which_database
from deploy.progress import progress_bar
from deploy.settings import FoundDatabaseSettings
from projections.evidence.dossier import Dossier, dossier
from schemas.errors import LedgerError, Misconfigured
from schemas.reading.normalize import phone, timestamp
from schemas.reading.signing import verify
from schemas.settings import load


def run_evidence(written_phone: str, profile: str | None, at: str | None, out: Path, *, as_json: bool) -> None:
    """Writes the folder and says how it can be checked. Raises Misconfigured and LedgerError: nothing is left then.

    But a folder that does not hold, because what is stored was changed, is left, and LedgerError raised.
    """
    number, moment = _wanted(written_phone, at)
    out = out.absolute()
    refuse_bad_place(out)
    settings = load(FoundDatabaseSettings)
    logs.configure(settings.ledger_log_level)
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        found, digest = _make(which_database(settings), number, profile, moment, out)
    except KeyboardInterrupt:
        raise LedgerError("interrupted: nothing was written") from None
    _report(found, digest, out, as_json=as_json)
    if problems := _unproved(found):
        raise LedgerError("\n".join([*problems, "run `telnyx-ledger verify`; the folder is there, and does not hold"]))


def _wanted(written_phone: str, at: str | None) -> tuple[str, datetime | None]:
    """The number as the tables spell it, and the moment."""
    number, moment = phone(written_phone), timestamp(at)
    problems = []
    if number is None:
        problems.append("--phone: expected a number, such as +13125550100")
    if at is not None and moment is None:
        problems.append(f"--at: {at!r} is no time; expected 2026-03-01T12:00:00Z, or with an offset such as +01:00")
    if moment is not None and moment > datetime.now(UTC):
        problems.append(f"--at: {at} has not come yet; leave it out for everything that is known now")
    if number is None or problems:
        raise Misconfigured(problems)
    return number, moment


def _interrupted(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _make(database_url: str, number: str, profile: str | None, at: datetime | None, out: Path) -> tuple[Dossier, str]:
    with progress_bar() as bar:
        writing = bar.add_task("written", total=None)
        found = asyncio.run(_read(database_url, number, profile, at))
        digest = write_folder(found, out, lambda done, total: bar.update(writing, completed=done, total=total))
    return found, digest


async def _read(database_url: str, number: str, profile: str | None, at: datetime | None) -> Dossier:
    async with operating_on(database_url) as connection:
        return await dossier(connection, number, profile, at)


def _report(found: Dossier, digest: str, out: Path, *, as_json: bool) -> None:
    originals, sealed = len(found.originals), len(found.proofs)
    if as_json:
        print(json.dumps({"folder": str(out), "originals": originals, "sealed": sealed, "manifest_sha256": digest}))
        return
    print(f"{out}: {originals} originals, {sealed} of them covered by seals")
    if sealed < originals and not found.broken_seals:
        print("for the others, run `telnyx-ledger seal now` first, and make the folder again")
    if found.missing:
        print(f"{found.missing} more are not stored any more: unless you dropped them, run `telnyx-ledger verify`")
    print(f"for the covering letter: SHA-256 of manifest.sha256 is {digest}")
    print(f"anybody checks it with: pip install pynacl && python -I {out / 'verify.py'}")


def _unproved(found: Dossier) -> list[str]:
    """What the folder's own script will not confirm: somebody has changed what is stored."""
    keys = {key.key_id: key.public_key for key, _ in found.keys}
    unsigned = [
        f"{one.key}: not signed by the key that it names"
        for one in found.originals
        if not verify(
            keys.get(one.row["key_id"], b""),
            one.row["signature"],
            one.row["signed_timestamp"].encode(),
            one.row["body"],
        )
    ]
    return [*unsigned, *(f"seal {seq}: does not fit its events" for seq in found.broken_seals)]
