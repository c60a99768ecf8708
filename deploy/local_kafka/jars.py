"""Downloads the jars of the broker with Maven, once. A lock makes concurrent processes wait for one download."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from schemas.errors import Misconfigured
from schemas.file_lock import FileLock

POM = Path(__file__).with_name("pom.xml")
LIBS = Path(__file__).with_name("libs")
MAVEN = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", "-DincludeScope=runtime"]


def missing_programs(libs: Path = LIBS) -> list[str]:
    """Return the programs that this machine lacks to run a broker, one line each."""
    problems = []
    if shutil.which("java") is None:
        problems.append("java: not found on PATH; install Java 17 or newer (Debian: openjdk-17-jre-headless)")
    if shutil.which("mvn") is None and not _complete(libs):
        problems.append("mvn: not found on PATH; install Maven 3.8 or newer to download Kafka's jars (Debian: maven)")
    return problems


def fetch(libs: Path = LIBS) -> Path:
    """Return the directory with the jars of pom.xml, filled at the first call (about 8 s). Raises Misconfigured."""
    if problems := missing_programs(libs):
        raise Misconfigured(problems)
    libs.mkdir(parents=True, exist_ok=True)
    with FileLock(libs / ".lock", wait=True):
        if not _complete(libs):
            _copy_jars(libs)
            _marker(libs).write_text(_wanted())
    return libs


def _copy_jars(libs: Path) -> None:
    for jar in libs.glob("*.jar"):  # of another version: with two Kafkas on the class path, neither starts
        jar.unlink()
    copied = subprocess.run(
        [*MAVEN, f"-DoutputDirectory={libs.resolve()}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if copied.returncode != 0:
        raise Misconfigured([f"mvn: Kafka's jars could not be downloaded: {_first_error(copied.stdout)}"])


def _first_error(output: str) -> str:
    errors = [line for line in output.splitlines() if "[ERROR]" in line]
    return errors[0].removeprefix("[ERROR] ") if errors else "no error was printed"


def _complete(libs: Path) -> bool:
    marker = _marker(libs)
    return marker.exists() and marker.read_text() == _wanted()


def _marker(libs: Path) -> Path:
    return libs / ".complete"


def _wanted() -> str:
    return hashlib.sha256(POM.read_bytes()).hexdigest()
