"""The command writes a whole folder or nothing, and reports its result and every problem."""

import json
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from deploy.evidence.folder import write_folder
from projections.evidence.dossier import Dossier
from projections.integrity.sealing import seal_now
from schemas.errors import LedgerError, Misconfigured
from tests.support.environment.bare_python import bare_python, checked
from tests.support.environment.postgres import blocking
from tests.support.environment.programs import Programs, refusal
from tests.support.environment.waiting import until
from tests.support.projections.apply import apply, closing, new_projector
from tests.support.sql.connections import connected
from tests.support.streams import Webhook
from tests.support.webhooks import builders
from tests.support.webhooks.builders import NOON, PERSON
from tests.support.webhooks.evidence_story import THEIRS, about, tell


def quietly(_done: int, _total: int) -> None: ...


@pytest.fixture
def story(database_url: str) -> Dossier:
    """Return the dossier of the story, whose events are in the test's database."""
    found = []

    async def tell_it() -> None:
        await tell(database_url, events_a_seal=4)
        async with connected(database_url) as connection:
            found.append(await about(connection))

    blocking(tell_it())
    return found[0]


def test_a_folder_that_cannot_be_written_leaves_nothing(story: Dossier, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for out, problem in (("full", "not empty"), ("full/file", "not a directory"), ("missing/out", "make it first")):
        with pytest.raises(Misconfigured, match=problem):
            write_folder(story, tmp_path / out, quietly)

    def stop(done: int, _total: int) -> None:
        if done == 5:
            raise LedgerError("stopped")

    with pytest.raises(LedgerError, match="stopped"):
        write_folder(story, tmp_path / "out", stop)
    assert [path.name for path in tmp_path.iterdir()] == ["full"]
    (tmp_path / "empty").mkdir()
    write_folder(story, tmp_path / "empty", quietly)
    assert (tmp_path / "empty" / "verify.py").exists()


@pytest.mark.usefixtures("story")
def test_the_command_reports_its_result_and_every_problem(programs: Programs, database_url: str) -> None:
    out = programs.directory / "out"
    made = programs.run("evidence", "--phone", "1 (312) 555-0001", "--out", "out", DATABASE_URL=database_url)
    assert (made.returncode, made.stderr) == (0, "")
    assert f"{THEIRS} originals, {THEIRS - 2} of them covered by seals" in made.stdout
    assert "telnyx-ledger seal now" in made.stdout
    digest = subprocess.run(["sha256sum", out / "manifest.sha256"], capture_output=True, text=True, check=True).stdout
    assert digest.split()[0] in made.stdout
    machine = programs.run("evidence", "--phone", PERSON, "--out", "two", "--json", DATABASE_URL=database_url)
    assert json.loads(machine.stdout)["originals"] == THEIRS
    for arguments, status, problem in (
        (["--phone", PERSON, "--out", "out"], 2, "--out: "),
        (["--phone", PERSON, "--out", "x", "--at", "yesterday"], 2, "--at: 'yesterday' is not a time"),
        (["--phone", PERSON, "--out", "x", "--at", "2199-01-01T00:00:00Z"], 2, "--at: 2199"),
        (["--phone", "+13125550002", "--out", "x"], 1, "no event names +13125550002: check the number"),
        (["--phone", PERSON, "--out", "x", "--profile", "x"], 1, "--profile: "),
    ):
        refused = programs.run("evidence", *arguments, DATABASE_URL=database_url)
        assert problem in refusal(refused, status)
    assert {path.name for path in programs.directory.iterdir() if path.is_dir()} == {"out", "two"}


async def test_making_a_folder_reports_an_altered_body(programs: Programs, database_url: str, tmp_path: Path) -> None:
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
    output = checked(bare_python(tmp_path / "bare"), programs.directory / "out").stdout
    assert "the signature does not match this text and time" in output
    assert "the event_key does not follow from this text" in output


async def test_a_thousand_events_fit_into_the_time_limit(programs: Programs, database_url: str, tmp_path: Path) -> None:
    """The limit is 5 s. Other tests may run at the same time, so this test allows more."""
    minutes = [NOON + timedelta(minutes=nth) for nth in range(250)]
    makers = (builders.message_sent, builders.message_finalized, builders.message_read, builders.message_received)
    webhooks = [Webhook(builders.encode(make(f"m{at}", at=at)), "a", at) for at in minutes for make in makers]
    async with closing(new_projector(database_url)) as projector:
        await apply(projector, [webhooks])
    async with connected(database_url) as connection:
        assert len([seal async for seal in seal_now(connection, events_a_seal=10)]) == 100
    began = time.monotonic()
    made = programs.run("evidence", "--phone", PERSON, "--out", "out", DATABASE_URL=database_url)
    assert time.monotonic() - began < 15
    assert "1000 originals, 1000 of them covered by seals" in made.stdout, made.stderr
    assert checked(bare_python(tmp_path / "bare"), programs.directory / "out").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
async def test_a_stopped_process_leaves_no_folder(
    programs: Programs, story: Dossier, database_url: str, number: signal.Signals
) -> None:
    """A killed process leaves a hidden directory, which the next process removes."""
    out = programs.directory / "out"
    script = programs.directory / "slow.py"
    script.write_text(
        "import signal, time\nimport deploy.evidence.folder as folder\n"
        "folder._sync = lambda directory: time.sleep(3600)\n"
        # A background job of a shell inherits its deafness to SIGINT.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from deploy.cli import main\nmain()\n"
    )
    arguments = [str(script), "evidence", "--phone", PERSON, "--out", str(out)]
    running = programs.start(*arguments, program=Path(sys.executable), DATABASE_URL=database_url)
    await until((programs.directory / ".out.unfinished" / "index.html").exists, bool)
    with pytest.raises(LedgerError, match="another process is writing"):
        write_folder(story, out, quietly)
    running.process.send_signal(number)
    assert running.ends() != 0
    assert not out.exists()
    assert (programs.directory / ".out.unfinished").exists() == (number == signal.SIGKILL)
    write_folder(story, out, quietly)
    assert out.exists()
    assert not (programs.directory / ".out.unfinished").exists()
