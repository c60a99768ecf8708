"""The folder's script finds every change without the product installed, and the page hides nothing."""

import json
import random
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from deploy.evidence.folder import write_folder
from tests.support.environment.bare_python import bare_python, checked
from tests.support.environment.postgres import PostgresServer, blocking
from tests.support.sql.connections import connected
from tests.support.webhooks.evidence_story import THEIRS, about, tell

FLIPS = 2  # in each file; 8 for the script


def quietly(_done: int, _total: int) -> None: ...


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Python that has PyNaCl and none of our packages."""
    return bare_python(tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="module")
def made(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the story, with seals over most of its events."""
    database = postgres_server.create()
    url, out = postgres_server.url_of(database), tmp_path_factory.mktemp("evidence") / "folder"

    async def make() -> None:
        await tell(url, events_a_seal=4)
        async with connected(url) as connection:
            write_folder(await about(connection), out, quietly)

    blocking(make())
    postgres_server.drop(database)
    return out


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """Return a copy that the test may damage."""
    shutil.copytree(made, tmp_path / "folder")
    return tmp_path / "folder"


def file_names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_bare_python_has_none_of_our_packages(python: Path) -> None:
    product = "('schemas', 'projections', 'deploy', 'orjson', 'asyncpg')"
    code = f"import nacl.signing, importlib.util as u; print([name for name in {product} if u.find_spec(name)])"
    found = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_the_folder_verifies_and_is_private(made: Path, python: Path) -> None:
    done = checked(python, made)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"({THEIRS} originals)" in done.stdout
    assert f"{THEIRS - 2} of {THEIRS} originals are covered by matching seals; 2 by none yet" in done.stdout
    assert {oct(path.stat().st_mode & 0o777) for path in made.rglob("*") if path.is_file()} == {"0o600"}
    assert {oct(path.stat().st_mode & 0o777) for path in (made, *made.rglob("*")) if path.is_dir()} == {"0o700"}
    assert not list(made.parent.glob(".*"))


@pytest.mark.parametrize("seed", range(FLIPS))
def test_one_flipped_bit_in_any_file_is_found(folder: Path, python: Path, seed: int) -> None:
    chance = random.Random(seed)
    for name in file_names(folder):
        for _ in range(4 if name == "verify.py" else 1):
            path = folder / name
            sound = path.read_bytes()
            at = chance.randrange(8 * len(sound))
            path.write_bytes(sound[: at // 8] + bytes([sound[at // 8] ^ 1 << at % 8]) + sound[at // 8 + 1 :])
            assert checked(python, folder).returncode == 1, f"bit {at} of {name}"
            path.write_bytes(sound)
    assert checked(python, folder).returncode == 0


def test_a_file_removed_added_or_moved_is_named(folder: Path, python: Path) -> None:
    (folder / "originals" / "0003.json").rename(folder / "originals" / "0099.json")
    (folder / "note.txt").write_text("added")
    (folder / "index.html").write_bytes((folder / "index.html").read_bytes() + b"\n")
    (folder / "drafts").mkdir()
    (folder / "link").symlink_to("index.html")
    done = checked(python, folder)
    assert done.returncode == 1
    assert {line.split(": ")[0] for line in done.stdout.splitlines()} == {
        *("originals/0003.json", "originals/0099.json", "note.txt", "index.html", "drafts", "link", "manifest.sha256")
    }


def relist(folder: Path) -> None:
    """Rewrite the manifest to match the files, as a forger would."""
    lines = subprocess.run(["sha256sum", *file_names(folder)], cwd=folder, capture_output=True, text=True, check=True)
    kept = [line for line in lines.stdout.splitlines(keepends=True) if "manifest" not in line]
    (folder / "manifest.sha256").write_text("".join(kept))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda evidence: evidence["events"][0].update(signed_timestamp="1772366401"), "the signature does not match"),
        (lambda evidence: evidence["events"][0].update(event_key=evidence["events"][1]["event_key"]), "listed twice"),
        (lambda evidence: evidence["events"][0].update(event_key="0" * 32), "event_key does not follow"),
        (lambda evidence: evidence["events"][0].update(position=99), "not what was sealed"),
        (lambda evidence: evidence["events"][0]["seal"]["path"].pop(), "not what was sealed"),
        (lambda evidence: evidence["events"][0]["seal"].update(index=1), "not what was sealed"),
        (lambda evidence: evidence["events"].pop(), "does not list exactly the files"),
        (lambda evidence: evidence["seals"].pop(1), "seal 3: does not follow"),
        (lambda evidence: evidence["seals"][0].update(root="00" * 32), "seal 1: does not follow"),
        (lambda evidence: evidence.update(chain_before="11" * 32), "seal 1: does not follow"),
        (lambda evidence: evidence["keys"][0].update(not_after=1), "when its key was not valid"),
        (lambda evidence: evidence["keys"].pop(), "signed by a key that is not in keys/"),
    ],
)
def test_a_forger_who_rewrites_the_manifest_is_found_by_signatures_and_seals(
    folder: Path, python: Path, change: Callable[[object], object], problem: str
) -> None:
    path = folder / "evidence.json"
    evidence = json.loads(path.read_text())
    change(evidence)
    path.write_text(json.dumps(evidence))
    relist(folder)
    done = checked(python, folder)
    assert done.returncode == 1
    assert problem in done.stdout, done.stdout + done.stderr


def test_a_forged_original_and_a_forged_key_are_found(folder: Path, python: Path) -> None:
    original = folder / "originals" / "0001.json"
    original.write_bytes(original.read_bytes().replace(b"tomorrow", b"today   "))
    relist(folder)
    output = checked(python, folder).stdout
    assert "originals/0001.json: the signature does not match" in output
    assert "originals/0001.json: the event_key does not follow" in output
    (key,) = (folder / "keys").iterdir()
    key.write_text("A" * 43 + "=\n")
    relist(folder)
    assert f"keys/{key.name}: not the key of that name" in checked(python, folder).stdout


class Tags(HTMLParser):
    """Collects every tag, and every attribute that could load something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action", "style", "onclick")]


def test_the_page_runs_loads_and_hides_nothing(made: Path) -> None:
    page = (made / "index.html").read_text()
    tags = Tags(page)
    assert not tags.names & {"script", "img", "link", "iframe", "object", "form", "base", "svg"}
    assert all((made / link).is_file() for link in tags.links)
    assert len(tags.links) == THEIRS
    assert "&lt;script&gt;alert(&quot;1&quot;)" in page
    assert "⟨U+202E⟩" in page
    assert "\u202e" not in page


def test_the_page_states_the_opt_out_and_later_messages(made: Path) -> None:
    words = re.sub(r"<[^>]+>", "", (made / "index.html").read_text())
    assert "Opted out since 2026-03-01 12:10:00.000 UTC. This is known because the person wrote “STOP” to" in words
    assert (
        "Message after: Sent at 2026-03-01 12:20:00.300 UTC, after the opt-out of 2026-03-01 12:10:00.000 UTC." in words
    )
    assert "When it was sent, the opt-out had not been received here yet." in words
    assert "within five minutes: one confirmation is allowed" in words
    assert "Telnyx refused it because the person had opted out (error 40300)" in words
    assert "No seal covers 2 of the 12 notices here yet." in words
    assert "No opt-out and no opt-in is known." in words  # of the other profile
