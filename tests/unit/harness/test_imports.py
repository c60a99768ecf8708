"""A test module is not a library: shared code lives in tests/support, fixtures in a conftest.py."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[2]


def test_no_module_imports_a_test_module() -> None:
    imports = re.compile(r"^\s*(?:from|import) .*\btest_\w+", re.MULTILINE)
    importing = {path.relative_to(TESTS): imports.findall(path.read_text()) for path in TESTS.rglob("*.py")}
    assert {path: lines for path, lines in importing.items() if lines} == {}
