"""A copy of the repository that a test may change, and the tests that run in it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]
LEFT_OUT = (".git", ".venv", ".*_cache", "__pycache__", ".hypothesis", "data", "spool", "dist", "libs")
LONGEST_SECONDS = 300


@contextmanager
def copied_tree() -> Iterator[Path]:
    """A copy of the repository without what was built or downloaded. Removed at the end."""
    with tempfile.TemporaryDirectory(prefix="ledger-copy-") as directory:
        copy = Path(directory) / "repository"
        shutil.copytree(ROOT, copy, ignore=_left_out)
        yield copy


def _left_out(directory: str, names: list[str]) -> set[str]:
    # data and spool are left out at the top only: tests/data is needed.
    ignored = shutil.ignore_patterns(*LEFT_OUT)(directory, names)
    return ignored if Path(directory) == ROOT else ignored - {"data"}


def run_python(
    copy: Path, *arguments: str, variables: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run Python in the copy, with more variables in its environment. Returns its whole output."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env=os.environ | (variables or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )


def run_tests(
    copy: Path, tests: Sequence[str], variables: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run these tests of the copy, up to the first failure."""
    # `python -m` puts the copy before the installed project on the path.
    options = ("-q", "-x", "-p", "no:cacheprovider")
    return run_python(copy, "-m", "pytest", *options, *tests, variables=variables)
