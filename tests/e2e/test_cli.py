"""The commands as an operator runs them: their output and their exit status (1 failed, 2 usage or configuration)."""

import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.support.environment.programs import Programs, free_port, refusal
from tests.support.sql.connections import connected, fetchval

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "ingest", "projections", "deploy")


def test_the_version_is_the_distributions(programs: Programs) -> None:
    shown = programs.run("--version")
    assert (shown.returncode, shown.stdout) == (0, f"telnyx-ledger {version('telnyx-ledger')}\n")


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_import_no_command(programs: Programs, option: str) -> None:
    heavy = "{'aiokafka', 'asyncpg', 'sqlalchemy', 'uvicorn', 'nacl', 'pydantic'}"
    code = (
        f"import atexit, sys; from deploy.cli import main; sys.argv[1:] = ['{option}'];"
        f"atexit.register(lambda: print({heavy} & set(sys.modules))); main()"
    )
    shown = programs.run("-c", code, program=Path(sys.executable))
    assert shown.stdout.endswith("\nset()\n"), shown.stderr


@pytest.mark.parametrize("arguments", [(), ("nonsense",), ("simulate", "--rate", "fast"), ("sql",)])
def test_usage_errors_are_exit_status_2(programs: Programs, arguments: tuple[str, ...]) -> None:
    assert programs.run(*arguments).returncode == 2


@pytest.mark.parametrize(
    ("command", "environment", "names"),
    [
        (
            "ingest",
            {"LEDGER_PORT": "http", "TELNYX_PUBLIC_KEYS": "acme:short"},
            {"LEDGER_PORT", "TELNYX_PUBLIC_KEYS", "DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS"},
        ),
        (
            "project",
            {"LEDGER_PROJECT_VERIFY": "some", "LEDGER_LOG_LEVEL": "loud", "KAFKA_BOOTSTRAP_SERVERS": "nowhere"},
            {
                "LEDGER_PROJECT_VERIFY",
                "LEDGER_LOG_LEVEL",
                "KAFKA_BOOTSTRAP_SERVERS",
                "DATABASE_URL",
                "TELNYX_PUBLIC_KEYS",
            },
        ),
        ("migrate", {"DATABASE_URL": "mysql://x"}, {"DATABASE_URL"}),
        ("topics", {"LEDGER_TOPIC_REPLICATION": "0"}, {"LEDGER_TOPIC_REPLICATION", "KAFKA_BOOTSTRAP_SERVERS"}),
        ("dev", {"LEDGER_SPOOL_MAX_BYTES": "1", "DATABASE_URL": "x"}, {"LEDGER_SPOOL_MAX_BYTES", "DATABASE_URL"}),
    ],
)
def test_every_configuration_problem_is_a_line_with_its_name(
    programs: Programs, command: str, environment: dict[str, str], names: set[str]
) -> None:
    refused = programs.run(command, environment=environment)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert {line.split(":", 1)[0] for line in refused.stderr.splitlines()} == names


def test_a_database_that_does_not_exist_is_one_line(programs: Programs, database_url: str) -> None:
    refused = programs.run("migrate", DATABASE_URL=f"{database_url}_missing")
    assert refusal(refused).startswith("DATABASE_URL: ")


def test_an_unavailable_database_is_one_line_and_exit_status_1(programs: Programs) -> None:
    away = programs.run("migrate", DATABASE_URL=f"postgresql://u:secret@127.0.0.1:{free_port()}/d")
    assert "secret" not in refusal(away, 1)


@pytest.mark.parametrize("command", ["ingest", "project"])
def test_an_old_schema_is_refused_with_a_remedy(programs: Programs, empty_database_url: str, command: str) -> None:
    refused = programs.run(
        command,
        DATABASE_URL=empty_database_url,
        KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{free_port()}",
        TELNYX_PUBLIC_KEYS=programs.run("simulate", "--public-key").stdout.strip(),
        LEDGER_PORT="0",
        LEDGER_PROJECTOR_PORT="0",
    )
    assert refusal(refused).endswith("run `telnyx-ledger migrate`")


def test_unavailable_kafka_is_one_line_and_exit_status_1(programs: Programs) -> None:
    away = programs.run("topics", KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{free_port()}")
    assert refusal(away, 1).startswith("Kafka does not answer at 127.0.0.1:")


def test_migrate_reports_its_result_and_the_next_command(programs: Programs, empty_database_url: str) -> None:
    first = programs.run("migrate", DATABASE_URL=empty_database_url)
    again = programs.run("migrate", DATABASE_URL=empty_database_url)
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert "telnyx-ledger topics" in first.stdout
    assert "tables are unchanged" in again.stdout
    assert "advice" not in first.stdout


async def test_migrate_advises_against_the_page_cost_of_hard_disks(programs: Programs, empty_database_url: str) -> None:
    async with connected(empty_database_url) as connection:
        name = await connection.fetchval("select current_database()")
        await connection.execute(f"alter database {name} set random_page_cost = 4")
    done = programs.run("migrate", DATABASE_URL=empty_database_url)
    assert (done.returncode, "advice: random_page_cost is 4," in done.stdout) == (0, True), done.stderr


def test_simulate_to_an_address_without_a_server_is_one_line(programs: Programs) -> None:
    port = free_port()
    refused = programs.run("simulate", "--url", f"http://127.0.0.1:{port}/webhooks/telnyx", "--count", "5")
    assert refusal(refused, 1) == f"no answer from 127.0.0.1:{port}: connection refused"


def test_simulate_prints_its_public_key_and_keeps_it(programs: Programs) -> None:
    first, second = programs.run("simulate", "--public-key"), programs.run("simulate", "--public-key")
    assert first.stdout == second.stdout
    assert first.stdout.startswith("development:")
    assert (programs.directory / "data" / "development-key").stat().st_mode & 0o777 == 0o600


class TestSql:
    def test_rows_are_a_table_for_people_and_json_for_programs(self, programs: Programs, database_url: str) -> None:
        query = "select code, title from error_codes where code = '40008'"
        table = programs.run("sql", query, DATABASE_URL=database_url)
        assert "40008" in table.stdout
        assert "(1 row)" in table.stdout
        machine = programs.run("sql", query, "--json", DATABASE_URL=database_url)
        assert json.loads(machine.stdout) == [{"code": "40008", "title": "Undeliverable"}]

    @pytest.mark.parametrize(
        ("query", "sqlstate"),
        [
            ("select body from events", "42501"),
            ("select * from message_contents", "42501"),
            ("delete from opt_outs", "42601"),
            ("delete from opt_outs returning *", "25006"),
            ("selec 1", "42601"),
        ],
    )
    def test_the_reader_may_only_read(self, programs: Programs, database_url: str, query: str, sqlstate: str) -> None:
        refused = programs.run("sql", query, DATABASE_URL=database_url)
        assert refusal(refused, 1).startswith(f"{sqlstate} ")

    def test_a_support_query_runs_by_its_name(self, programs: Programs, database_url: str) -> None:
        listed = json.loads(programs.run("sql", "--list", "--json").stdout)
        assert {"name": "number_ready", "question": "Is this number ready to send?"} in listed
        given = ("--set", "number=+13125550190", "--json")
        answer = programs.run("sql", "--ask", "number_ready", *given, DATABASE_URL=database_url)
        assert answer.returncode == 0, answer.stderr
        assert json.loads(answer.stdout)[0]["answer"] == "no: it was never assigned to a campaign"
        refused = programs.run("sql", "--ask", "number_ready", DATABASE_URL=database_url)
        assert refusal(refused) == "--set number=…: missing; our number, such as +13125550190"
        refused = programs.run("sql", "--ask", "numbers")
        assert (refused.returncode, refused.stderr.splitlines()[0]) == (2, "--ask: unknown query 'numbers'. Available:")

    def test_a_file_is_one_statement_whose_variables_are_values(self, programs: Programs, database_url: str) -> None:
        file = programs.directory / "mine.sql"
        file.write_text("-- mine\nselect upper(:'word') as said, length(:'word') as long;\n")
        answer = programs.run("sql", "--file", str(file), "--set", "word=it's =", "--json", DATABASE_URL=database_url)
        assert json.loads(answer.stdout) == [{"said": "IT'S =", "long": 6}]
        for arguments, problem in (
            (("--file", "none.sql"), "--file: none.sql cannot be read: No such file or directory"),
            (("--file", str(file), "--set", "word"), "--set word: expected NAME=VALUE"),
            (("select 1", "--ask", "number_ready"), "sql: expected a query, or --ask NAME, or --file PATH; "),
        ):
            refused = programs.run("sql", *arguments, DATABASE_URL=database_url)
            assert refusal(refused).startswith(problem)

    def test_a_query_over_the_time_limit_is_cancelled(self, programs: Programs, database_url: str) -> None:
        refused = programs.run("sql", "select pg_sleep(30)", "--timeout", "0.2", DATABASE_URL=database_url)
        assert refusal(refused, 1) == "57014 no answer within 0.2 s: narrow the query, or raise --timeout"

    def test_a_missing_database_names_the_setting(self, programs: Programs) -> None:
        assert refusal(programs.run("sql", "select 1")).startswith("DATABASE_URL: not set")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*build, "--wheel-dir", str(directory), str(ROOT)], check=True, stdin=subprocess.DEVNULL)
    (built,) = directory.glob("telnyx_ledger-*.whl")
    return built


def test_the_wheel_holds_the_tracked_files_of_the_four_packages_but_the_local_kafka(wheel: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *PACKAGES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    tracked = {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}
    expected = {name for name in tracked if not name.startswith("deploy/local_kafka/")}
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        modules = {name: archive.read(name) for name in packed if name.endswith(".py")}
    assert packed == expected
    assert [name for name, source in modules.items() if b"local_kafka" in source] == []


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the console script of the wheel, in a separate environment that borrows our dependencies."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=False)
    install = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install", "--no-deps"]
    subprocess.run([*install, "--quiet", "--disable-pip-version-check", str(wheel)], check=True)
    (site_packages,) = (home / "lib").glob("python*/site-packages")
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin" / "telnyx-ledger"


async def test_a_local_folder_shadows_no_package(installed: Path, programs: Programs, empty_database_url: str) -> None:
    """A user's directory that holds a `schemas/` does not shadow the installed package."""
    for package in PACKAGES:
        (programs.directory / package).mkdir()
        (programs.directory / package / "__init__.py").write_text("raise SystemExit('the wrong package')\n")
    assert programs.run("--version", program=installed).stdout.startswith("telnyx-ledger ")
    migrated = programs.run("migrate", program=installed, DATABASE_URL=empty_database_url)
    assert migrated.returncode == 0, migrated.stderr
    assert await fetchval(empty_database_url, "select count(*) from telnyx.error_codes") > 60
