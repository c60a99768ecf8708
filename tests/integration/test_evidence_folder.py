"""The folder is whole or not there, and its own script finds every change of it, where the product is not installed."""

import importlib.util
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import asyncpg
import pytest

from deploy.evidence.folder import write_folder
from projections.evidence import Dossier
from projections.sealing import seal_now
from schemas.errors import LedgerError, Misconfigured
from tests import builders
from tests.builders import NOON, PERSON
from tests.evidence_story import THEIRS, about, tell
from tests.integration.applying import apply, closing, new_projector
from tests.postgres import PostgresServer, blocking
from tests.programs import Programs
from tests.streams import Webhook
from tests.waiting import eventually

FLIPS = 2  # in each file; 8 for the script


def quietly(_done: int, _total: int) -> None: ...


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has PyNaCl and what that needs, and nothing else."""
    home = tmp_path_factory.mktemp("bare")
    venv.create(home, with_pip=False, symlinks=True)
    (site_packages,) = (home / "lib").glob("python*/site-packages")
    for name in ("nacl", "_cffi_backend"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        there = origin.parent if origin.name == "__init__.py" else origin
        (site_packages / there.name).symlink_to(there)
    return home / "bin" / "python"


@pytest.fixture(scope="module")
def made(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the story, with seals over most of it."""
    database = postgres_server.create()
    url, out = postgres_server.url_of(database), tmp_path_factory.mktemp("evidence") / "folder"

    async def make() -> None:
        await tell(url, events_a_seal=4)
        connection = await asyncpg.connect(url)
        write_folder(await about(connection), out, quietly)
        await connection.close()

    blocking(make())
    postgres_server.drop(database)
    return out


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it that the test may spoil."""
    shutil.copytree(made, tmp_path / "folder")
    return tmp_path / "folder"


Check = Callable[[Path], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def check(bare_python: Path, tmp_path: Path) -> Check:
    def run(folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [bare_python, "-I", folder / "verify.py"], cwd=tmp_path, env={}, capture_output=True, text=True, check=False
        )

    return run


def file_names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_product_is_not_there(bare_python: Path) -> None:
    product = "('schemas', 'projections', 'deploy', 'orjson', 'asyncpg')"
    code = f"import nacl.signing, importlib.util as u; print([name for name in {product} if u.find_spec(name)])"
    found = subprocess.run([bare_python, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_the_folder_holds_what_it_says_and_only_its_owner_may_look(made: Path, check: Check) -> None:
    checked = check(made)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert f"({THEIRS} originals)" in checked.stdout
    assert f"{THEIRS - 2} of {THEIRS} originals are covered by seals that fit; 2 by none yet" in checked.stdout
    assert {oct(path.stat().st_mode & 0o777) for path in made.rglob("*") if path.is_file()} == {"0o600"}
    assert {oct(path.stat().st_mode & 0o777) for path in (made, *made.rglob("*")) if path.is_dir()} == {"0o700"}
    assert not list(made.parent.glob(".*"))


@pytest.mark.parametrize("seed", range(FLIPS))
def test_one_flipped_bit_in_any_file_is_found(folder: Path, check: Check, seed: int) -> None:
    chance = random.Random(seed)
    for name in file_names(folder):
        for _ in range(4 if name == "verify.py" else 1):
            path = folder / name
            sound = path.read_bytes()
            at = chance.randrange(8 * len(sound))
            path.write_bytes(sound[: at // 8] + bytes([sound[at // 8] ^ 1 << at % 8]) + sound[at // 8 + 1 :])
            assert check(folder).returncode == 1, f"bit {at} of {name}"
            path.write_bytes(sound)
    assert check(folder).returncode == 0


def test_what_is_taken_out_put_in_or_moved_is_named(folder: Path, check: Check) -> None:
    (folder / "originals" / "0003.json").rename(folder / "originals" / "0099.json")
    (folder / "note.txt").write_text("added")
    (folder / "index.html").write_bytes((folder / "index.html").read_bytes() + b"\n")
    (folder / "drafts").mkdir()
    (folder / "link").symlink_to("index.html")
    checked = check(folder)
    assert checked.returncode == 1
    assert {line.split(": ")[0] for line in checked.stdout.splitlines()} == {
        *("originals/0003.json", "originals/0099.json", "note.txt", "index.html", "drafts", "link", "manifest.sha256")
    }


def relist(folder: Path) -> None:
    """What a forger would do: a manifest that fits."""
    lines = subprocess.run(["sha256sum", *file_names(folder)], cwd=folder, capture_output=True, text=True, check=True)
    kept = [line for line in lines.stdout.splitlines(keepends=True) if "manifest" not in line]
    (folder / "manifest.sha256").write_text("".join(kept))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda evidence: evidence["events"][0].update(signed_timestamp="1772366401"), "the signature does not fit"),
        (lambda evidence: evidence["events"][0].update(event_key=evidence["events"][1]["event_key"]), "listed twice"),
        (lambda evidence: evidence["events"][0].update(event_key="0" * 32), "event_key does not follow"),
        (lambda evidence: evidence["events"][0].update(position=99), "not what was sealed"),
        (lambda evidence: evidence["events"][0]["seal"]["path"].pop(), "not what was sealed"),
        (lambda evidence: evidence["events"][0]["seal"].update(index=1), "not what was sealed"),
        (lambda evidence: evidence["events"].pop(), "does not speak of exactly the files"),
        (lambda evidence: evidence["seals"].pop(1), "seal 3: does not follow"),
        (lambda evidence: evidence["seals"][0].update(root="00" * 32), "seal 1: does not follow"),
        (lambda evidence: evidence.update(chain_before="11" * 32), "seal 1: does not follow"),
        (lambda evidence: evidence["keys"][0].update(not_after=1), "for which its key was not valid"),
        (lambda evidence: evidence["keys"].pop(), "signed by a key that is not in keys/"),
    ],
)
def test_a_forger_who_mends_the_manifest_is_found_by_what_is_signed_and_sealed(
    folder: Path, check: Check, change: Callable[[object], object], said: str
) -> None:
    path = folder / "evidence.json"
    evidence = json.loads(path.read_text())
    change(evidence)
    path.write_text(json.dumps(evidence))
    relist(folder)
    checked = check(folder)
    assert checked.returncode == 1
    assert said in checked.stdout, checked.stdout + checked.stderr


def test_a_forged_original_and_a_forged_key_are_found(folder: Path, check: Check) -> None:
    original = folder / "originals" / "0001.json"
    original.write_bytes(original.read_bytes().replace(b"tomorrow", b"today   "))
    relist(folder)
    said = check(folder).stdout
    assert "originals/0001.json: the signature does not fit" in said
    assert "originals/0001.json: the event_key does not follow" in said
    (key,) = (folder / "keys").iterdir()
    key.write_text("A" * 43 + "=\n")
    relist(folder)
    assert f"keys/{key.name}: not the key of that name" in check(folder).stdout


class Tags(HTMLParser):
    """Every tag and every attribute that could load something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action", "style", "onclick")]


def test_the_page_runs_and_loads_nothing_and_hides_nothing(made: Path) -> None:
    page = (made / "index.html").read_text()
    tags = Tags(page)
    assert not tags.names & {"script", "img", "link", "iframe", "object", "form", "base", "svg"}
    assert all((made / link).is_file() for link in tags.links)
    assert len(tags.links) == THEIRS
    assert "&lt;script&gt;alert(&quot;1&quot;)" in page
    assert "⟨U+202E⟩" in page
    assert "\u202e" not in page


def test_the_page_says_what_stands_and_what_was_sent_after_it(made: Path) -> None:
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


@pytest.fixture
def told(database_url: str) -> Dossier:
    """The dossier of the story, which is in the test's own database too."""
    found = []

    async def tell_it() -> None:
        await tell(database_url, events_a_seal=4)
        connection = await asyncpg.connect(database_url)
        found.append(await about(connection))
        await connection.close()

    blocking(tell_it())
    return found[0]


def test_a_folder_that_cannot_be_written_is_not_there(told: Dossier, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for out, problem in (("full", "not empty"), ("full/file", "no directory"), ("missing/out", "make it first")):
        with pytest.raises(Misconfigured, match=problem):
            write_folder(told, tmp_path / out, quietly)

    def stop(done: int, _total: int) -> None:
        if done == 5:
            raise LedgerError("stopped")

    with pytest.raises(LedgerError, match="stopped"):
        write_folder(told, tmp_path / "out", stop)
    assert [path.name for path in tmp_path.iterdir()] == ["full"]
    (tmp_path / "empty").mkdir()
    write_folder(told, tmp_path / "empty", quietly)
    assert (tmp_path / "empty" / "verify.py").exists()


@pytest.mark.usefixtures("told")
def test_the_command_says_what_it_did_and_what_is_wrong(programs: Programs, database_url: str) -> None:
    out = programs.directory / "out"
    made = programs.run("evidence", "--phone", "1 (312) 555-0001", "--out", "out", DATABASE_URL=database_url)
    assert (made.returncode, made.stderr) == (0, "")
    assert f"{THEIRS} originals, {THEIRS - 2} of them covered by seals" in made.stdout
    assert "telnyx-ledger seal now" in made.stdout
    digest = subprocess.run(["sha256sum", out / "manifest.sha256"], capture_output=True, text=True, check=True).stdout
    assert digest.split()[0] in made.stdout
    machine = programs.run("evidence", "--phone", PERSON, "--out", "two", "--json", DATABASE_URL=database_url)
    assert json.loads(machine.stdout)["originals"] == THEIRS
    for arguments, status, said in (
        (["--phone", PERSON, "--out", "out"], 2, "--out: "),
        (["--phone", PERSON, "--out", "x", "--at", "yesterday"], 2, "--at: 'yesterday' is no time"),
        (["--phone", PERSON, "--out", "x", "--at", "2199-01-01T00:00:00Z"], 2, "--at: 2199"),
        (["--phone", "+13125550002", "--out", "x"], 1, f"near it: {PERSON}"),
        (["--phone", PERSON, "--out", "x", "--profile", "x"], 1, "--profile: "),
    ):
        refused = programs.run("evidence", *arguments, DATABASE_URL=database_url)
        assert (refused.returncode, refused.stdout) == (status, "")
        (line,) = refused.stderr.splitlines()
        assert said in line
    assert {path.name for path in programs.directory.iterdir() if path.is_dir()} == {"out", "two"}


async def test_a_body_that_somebody_changed_is_told_when_the_folder_is_made(
    programs: Programs, database_url: str, check: Check
) -> None:
    await tell(database_url)
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "create or replace function telnyx.refuse_change() returns trigger language plpgsql as 'begin return new; end'"
    )
    changed = await connection.fetchval("""
        update telnyx.events set body = convert_to(replace(convert_from(body, 'UTF8'), 'STOP', 'Stop'), 'UTF8')
        where event_type = 'message.received' and convert_from(body, 'UTF8') like '%STOP%' returning event_key
    """)
    await connection.close()
    made = programs.run("evidence", "--phone", PERSON, "--out", "out", DATABASE_URL=database_url)
    assert made.returncode == 1, made.stdout
    assert made.stderr.splitlines()[0] == f"{changed}: not signed by the key that it names"
    said = check(programs.directory / "out").stdout
    assert "the signature does not fit this text and time" in said
    assert "the event_key does not follow from this text" in said


async def test_a_person_with_a_thousand_events(programs: Programs, database_url: str, check: Check) -> None:
    """Asked for: in under 5 s. Here other tests may run beside it, and an index of persons is filled first."""
    minutes = [NOON + timedelta(minutes=nth) for nth in range(250)]
    makers = (builders.message_sent, builders.message_finalized, builders.message_read, builders.message_received)
    told = [Webhook(builders.encode(make(f"m{at}", at=at)), "a", at) for at in minutes for make in makers]
    async with closing(new_projector(database_url)) as projector:
        await apply(projector, [told])
    connection = await asyncpg.connect(database_url)
    assert len([seal async for seal in seal_now(connection, events_a_seal=10)]) == 100
    await connection.close()
    began = time.monotonic()
    made = programs.run("evidence", "--phone", PERSON, "--out", "out", DATABASE_URL=database_url)
    assert time.monotonic() - began < 15
    assert "1000 originals, 1000 of them covered by seals" in made.stdout, made.stderr
    assert check(programs.directory / "out").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
async def test_a_process_that_is_stopped_leaves_no_folder(
    programs: Programs, told: Dossier, database_url: str, number: signal.Signals
) -> None:
    """A killed one leaves a hidden rest, which the next one throws away."""
    out = programs.directory / "out"
    script = programs.directory / "slow.py"
    script.write_text(
        "import time\nimport deploy.evidence.folder as folder\nfolder._sync = lambda directory: time.sleep(3600)\n"
        "from deploy.cli import main\nmain()\n"
    )
    arguments = [str(script), "evidence", "--phone", PERSON, "--out", str(out)]
    running = programs.start(*arguments, program=Path(sys.executable), DATABASE_URL=database_url)

    async def begun() -> bool:
        return (programs.directory / ".out.unfinished" / "index.html").exists()

    await eventually(begun, bool)
    with pytest.raises(LedgerError, match="another process is writing"):
        write_folder(told, out, quietly)
    running.process.send_signal(number)
    assert running.ends() != 0
    assert not out.exists()
    assert (programs.directory / ".out.unfinished").exists() == (number == signal.SIGKILL)
    write_folder(told, out, quietly)
    assert out.exists()
    assert not (programs.directory / ".out.unfinished").exists()
