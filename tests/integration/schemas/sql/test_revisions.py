"""A released revision never changes, because databases that have run it would differ from new ones."""

import hashlib
import shutil
from pathlib import Path

from schemas.sql.files import FOLDER
from tests.contract.tables import REVISIONS

BASELINE = "0011"


def files_of(folder: Path, revision: str) -> list[Path]:
    """The module of a revision, SQL of the same name, and for the baseline every table."""
    files = sorted((folder / "migrations" / "versions").glob(f"r{revision}_*"))
    return files + sorted((folder / "tables").glob("*.sql")) if revision == BASELINE else files


def digests(folder: Path) -> dict[str, str]:
    revisions = {path.name[1:5] for path in (folder / "migrations" / "versions").glob("r*_*.py")}
    found = {}
    for revision in sorted(revisions):
        digest = hashlib.sha256()
        for path in files_of(folder, revision):
            digest.update(f"{path.name}\n{path.read_text('utf-8')}".encode())
        found[revision] = digest.hexdigest()
    return found


def test_no_revision_has_changed() -> None:
    assert digests(FOLDER) == REVISIONS


def test_a_change_of_any_file_of_a_revision_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "sql"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    files = files_of(folder, BASELINE)
    assert len(files) > 25
    for path in files:
        text = path.read_text("utf-8")
        path.write_text(text.replace("e", "E", 1))
        assert digests(folder) != digests(FOLDER), path.name
        path.write_text(text)
    assert digests(folder) == digests(FOLDER)
