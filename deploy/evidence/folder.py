"""Writes the folder: whole or not at all, readable by its owner only.

The files are written to a hidden sibling and synced to disk, and then the sibling is renamed. The remains that a killed
process leaves in a sibling are removed by the next one that writes there.
"""

import base64
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from deploy.evidence.page import page
from deploy.evidence.timeline import timeline
from projections.evidence.dossier import Dossier, EvidenceRow, Original
from projections.integrity.merkle import FIRST_CHAIN
from schemas.errors import LedgerError, Misconfigured
from schemas.file_lock import FileLock
from schemas.kafka.record import rfc3339

WRITERS = 16  # a disk syncs several files at once faster than one after the other


def refuse_bad_place(out: Path) -> None:
    """Raises Misconfigured unless the parent of `out` exists, and `out` is absent or an empty directory."""
    if not out.parent.is_dir():
        raise Misconfigured([f"--out: {out.parent} is not a directory: make it first"])
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise Misconfigured([f"--out: {out} exists and is not a directory: name another"])
    if out.exists() and any(out.iterdir()):
        raise Misconfigured([f"--out: {out} is not empty: name another directory"])


def write_folder(dossier: Dossier, out: Path, written: Callable[[int, int], None]) -> str:
    """Make `out` and return the SHA-256 of its manifest. Raises Misconfigured if it cannot be written.

    `written` is called with the number of files on disk and the number of all files.
    """
    refuse_bad_place(out)
    contents = folder_files(dossier)
    manifest = "".join(f"{sha256(contents[name]).hexdigest()}  {name}\n" for name in sorted(contents)).encode()
    try:
        with _unfinished(out) as folder:
            _write_all(folder, {**contents, "manifest.sha256": manifest}, written)
            folder.rename(out)
            _sync(out.parent)
    except OSError as error:
        raise Misconfigured([f"--out: {out} cannot be written: {error.strerror}"]) from None
    return sha256(manifest).hexdigest()


def folder_files(dossier: Dossier) -> dict[str, bytes]:
    """Return the content of every file but the manifest, by its path in the folder."""
    lines = timeline(dossier)
    originals = {f"originals/{line.number:04d}.json": line.original for line in lines}
    evidence = json.dumps(_evidence(dossier, originals), ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    return {
        "index.html": page(dossier, lines).encode(),
        "evidence.json": evidence.encode(),
        "verify.py": (files("deploy.evidence") / "verify.py").read_bytes(),
        **{f"keys/{key.key_id}.txt": base64.b64encode(key.public_key) + b"\n" for key, _ in dossier.keys},
        **{name: original.row["body"] for name, original in originals.items()},
    }


def _evidence(dossier: Dossier, originals: Mapping[str, Original]) -> dict[str, Any]:
    """Return the content of evidence.json, which verify.py checks."""
    before, seals = FIRST_CHAIN, list(dossier.seals)
    if seals and seals[0].seq > 1:
        before = seals.pop(0).chain
    return {
        "format": 1,
        "phone": dossier.phone,
        "profile": dossier.profile,
        "at": dossier.at and rfc3339(dossier.at),
        "made_at": rfc3339(dossier.made_at),
        "keys": [
            {name: getattr(key, name) for name in ("key_id", "account", "not_before", "not_after")}
            | {"first_seen_at": rfc3339(seen)}
            for key, seen in dossier.keys
        ],
        "events": [_event(dossier, name, original) for name, original in originals.items()],
        "standings": [
            {"profile": state.profile, "as_known_now": _state(state.now), "as_known_then": _state(state.then)}
            for state in dossier.opt_out_states
        ],
        "chain_before": before.hex(),
        "seals": [
            asdict(seal) | {"root": seal.root.hex(), "chain": seal.chain.hex(), "sealed_at": rfc3339(seal.sealed_at)}
            for seal in seals
        ],
    }


def _event(dossier: Dossier, name: str, original: Original) -> dict[str, Any]:
    row, proof = original.row, dossier.proofs.get(original.key)
    return {
        "file": name,
        **{column: row[column] for column in ("account", "event_type", "key_id", "position", "signed_timestamp")},
        **{column: rfc3339(row[column]) for column in ("occurred_at", "received_at", "recorded_at")},
        "event_key": original.key,
        "messaging_profile_id": original.profile,
        "signature": base64.b64encode(row["signature"]).decode(),
        "seal": proof and {"seq": proof.seq, "index": proof.index, "path": [step.hex() for step in proof.path]},
    }


def _state(row: EvidenceRow | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {name: rfc3339(value) if isinstance(value, datetime) else _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool) else str(value)


@contextmanager
def _unfinished(out: Path) -> Iterator[Path]:
    """Yield the hidden sibling, locked. It is removed at the end unless it was renamed."""
    folder = out.with_name(f".{out.name}.unfinished")
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        lock = FileLock(folder)
    except BlockingIOError:
        raise LedgerError(f"--out: another process is writing {out}") from None
    with lock:
        for left in folder.iterdir():  # left by a process that was killed
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _write_all(folder: Path, contents: Mapping[str, bytes], written: Callable[[int, int], None]) -> None:
    directories = {folder / name for path in contents for name in Path(path).parents}
    for directory in sorted(directories):
        directory.mkdir(mode=0o700, exist_ok=True)
    with ThreadPoolExecutor(WRITERS) as writers:
        done = writers.map(lambda name: _write(folder / name, contents[name]), contents)
        for count, _ in enumerate(done, start=1):
            written(count, len(contents))
    for directory in directories:
        _sync(directory)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 -- a descriptor has no path
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
