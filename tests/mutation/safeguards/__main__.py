"""`make mutants`: in a copy of the repository, one safeguard after the other is taken out; the tests must turn red.

A control run without any change must be green first. Exit status 1 where a mutant lives.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.mutation.safeguards import MUTANTS, ROOT, Mutant

LEFT_OUT = (".git", ".venv", ".*_cache", "__pycache__", ".hypothesis", "data", "spool", "dist", "libs")
GREEN, RED = 0, 1  # of pytest; anything else is no verdict
LONGEST_SECONDS = 300


def main(names: Sequence[str]) -> int:
    """Runs those that are named, else all."""
    wanted = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    with _copy() as copy:
        control = _pytest(copy, sorted({test for mutant in wanted for test in mutant.tests}))
        if control.returncode != GREEN:
            _say(f"the control run without a change is not green:\n{control.stdout}")
            return 1
        _say("control: green")
        living = [mutant for mutant in wanted for test in mutant.tests if _lives(copy, mutant, test)]
    _say(f"{len(wanted)} mutants, {len(living)} of them alive")
    return 1 if living or not wanted else 0


def _lives(copy: Path, mutant: Mutant, test: str) -> bool:
    file = copy / mutant.file
    before = file.read_text()
    file.write_text(mutant.applied(before))
    try:
        done = _pytest(copy, [test])
    finally:
        file.write_text(before)
    _say(f"{mutant.name}: {'red' if done.returncode == RED else 'ALIVE'}: {test}")
    if done.returncode not in (GREEN, RED):
        _say(done.stdout)
    return done.returncode != RED


@contextmanager
def _copy() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ledger-mutants-") as directory:
        copy = Path(directory) / "repository"
        # data and spool are left out at the top only: tests/data is wanted.
        shutil.copytree(ROOT, copy, ignore=_left_out)
        yield copy


def _left_out(directory: str, names: list[str]) -> set[str]:
    ignored = shutil.ignore_patterns(*LEFT_OUT)(directory, names)
    return ignored if Path(directory) == ROOT else ignored - {"data"}


def _pytest(copy: Path, tests: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    # `python -m` puts the copy before the installed project on the path.
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    pipe = subprocess.PIPE
    return subprocess.run(
        command, cwd=copy, stdout=pipe, stderr=subprocess.STDOUT, text=True, timeout=LONGEST_SECONDS, check=False
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
