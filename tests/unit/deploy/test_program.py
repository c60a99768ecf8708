"""A program that ends by a database error shows where and which, but no value of a row."""

import subprocess
import sys
import textwrap

import pytest

RAISE = {
    "alone": "raise error",
    "as a cause": "raise RuntimeError('later') from error",
    "while it was handled": "try:\n    raise error\nexcept Exception:\n    raise KeyError('later')",
    "in a group": "raise ExceptionGroup('tasks', [error, ValueError('other')])",
    "beside an error of ours": "raise ExceptionGroup('tasks', [error, LedgerError('ours')])",
}


@pytest.mark.parametrize("raised", RAISE)
def test_a_database_error_ends_a_program_without_its_detail(raised: str) -> None:
    script = textwrap.dedent("""
        import asyncpg
        from deploy.program import errors_as_exit_status
        from schemas.errors import LedgerError
        fields = {"C": "23502", "M": "null value of SECRETWORD", "D": "Failing row contains (SECRETWORD).", "H": "hint"}
        error = asyncpg.PostgresError.new(fields)
        with errors_as_exit_status():
    """) + textwrap.indent(RAISE[raised], "    ")
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "NotNullViolationError (SQLSTATE 23502)" in ended.stderr
    assert "SECRETWORD" not in ended.stdout + ended.stderr


def test_another_bug_keeps_its_traceback() -> None:
    script = """
from deploy.program import errors_as_exit_status
with errors_as_exit_status():
    raise ZeroDivisionError("seen")
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "Traceback (most recent call last)" in ended.stderr
    assert "ZeroDivisionError: seen" in ended.stderr
