"""The layout of tests: a test module is not a library, and a folder can be read at a glance."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[2]
MODULES = 12


def test_no_module_imports_a_test_module() -> None:
    """Shared code lives in tests/support, a fixture in the conftest.py of its folder."""
    imports = re.compile(r"^\s*(?:from|import) .*\btest_\w+", re.MULTILINE)
    importing = {path.relative_to(TESTS): imports.findall(path.read_text()) for path in TESTS.rglob("*.py")}
    assert {path: lines for path, lines in importing.items() if lines} == {}


def test_no_folder_has_too_many_modules() -> None:
    folders: dict[Path, int] = {}
    for path in TESTS.rglob("*.py"):
        if path.name not in ("__init__.py", "__main__.py", "conftest.py"):
            folders[path.parent] = folders.get(path.parent, 0) + 1
    assert {folder.relative_to(TESTS): count for folder, count in folders.items() if count > MODULES} == {}
