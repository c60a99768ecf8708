"""Every file, test, command and setting that a page names exists, and whatever repeats the code is current."""

import ast
import re
from pathlib import Path

import pytest

from deploy.cli import COMMANDS
from deploy.settings import DevSettings, ProjectCommandSettings
from ingest.settings import IngestSettings
from tests.docs.metrics_page import PAGE, page
from tests.docs.pages import PACKAGE_PAGES, PAGES, ROOT, blocks, name, prose

FOLDERS = r"(?:deploy|schemas|projections|ingest|tests|docs)"
README_LINES = 150
# Words that a native reader stops at, with the plain ones in CONTRIBUTING.md and docs/glossary.md.
STILTED = re.compile(
    r"\b(?:mend(?:s|ed)?|anew|whoever|nobody|somebody|none the less|for ever|honoured|held against|a stranger)\b",
    re.IGNORECASE,
)
SETTINGS = (IngestSettings, ProjectCommandSettings, DevSettings)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES


def test_the_readme_shows_what_dev_prints() -> None:
    source = (ROOT / "deploy" / "commands" / "dev.py").read_text()
    shown = blocks(ROOT / "README.md", "text")[0]
    # Without what differs from run to run: version, addresses, counts, the program's path.
    fixed = re.split(r"\d+(?:\.\d+)*|https?://\S+|postgresql://\S+|\S+/telnyx-ledger|[\n\"()]|  # ", shown)
    words = [part.strip() for part in fixed if len(part.strip()) > 3]
    assert len(words) >= 8
    assert [part for part in words if part not in source] == []


def test_every_command_that_a_page_names_exists() -> None:
    named = {
        (name(page), command)
        for page in (*PAGES, *PACKAGE_PAGES)
        for text in ("".join(blocks(page, "sh")), *re.findall(r"`[^`\n]+`", prose(page)))
        for command in re.findall(r"telnyx-ledger ([a-z][a-z-]*)", text)
    }
    assert len(named) >= 15
    assert [found for found in named if found[1] not in COMMANDS] == []


def test_every_guarantee_names_tests_that_exist() -> None:
    rows = [row for row in (ROOT / "docs" / "guarantees.md").read_text().splitlines() if row.startswith("| ")][1:]
    assert len(rows) >= 12
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert named, row
        for path, function in named:
            tree = ast.parse((ROOT / path).read_text())
            functions = {
                node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            }
            assert function in functions, f"{path}::{function}"


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_file_that_a_page_names_exists(path: Path) -> None:
    named = re.findall(rf"`({FOLDERS}/[\w./]*)(?:::\w+)?`", prose(path))
    assert [file for file in named if not (ROOT / file).exists()] == []


@pytest.mark.parametrize("path", PACKAGE_PAGES, ids=name)
def test_every_file_that_a_package_readme_names_exists(path: Path) -> None:
    """A name is relative to the README, to the root, or to the folder in the first cell of its row."""
    missing = []
    for line in prose(path).splitlines():
        folders = [path.parent, ROOT, *(path.parent / folder for folder in re.findall(r"^\| `([\w/]+/)`", line))]
        named = re.findall(r"`([\w./-]+(?:\.(?:py|sql|yaml|csv|toml|json|html)|/))`", line)
        missing += [file for file in named if not any((folder / file).exists() for folder in folders)]
    assert missing == []


@pytest.mark.parametrize("path", [*PAGES, *PACKAGE_PAGES], ids=name)
def test_every_page_uses_plain_words(path: Path) -> None:
    words = re.sub(r"`[^`\n]*`", "", prose(path))  # names of tests are code
    assert STILTED.findall(words) == []


@pytest.mark.parametrize("settings", SETTINGS)
def test_every_setting_of_the_program_is_in_the_table(settings: type) -> None:
    fields = {field.upper() for field in settings.model_fields}  # type: ignore[attr-defined]
    assert fields - documented() == set()


def test_every_setting_of_the_table_is_one_of_the_program() -> None:
    known = {field.upper() for settings in SETTINGS for field in settings.model_fields}
    assert documented() == known


def documented() -> set[str]:
    rows = (ROOT / "docs" / "configuration.md").read_text().splitlines()
    return {word for row in rows if row.startswith("| `") for word in re.findall(r"`([A-Z_]+)`", row.split("|")[1])}


def test_the_metrics_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run `make metrics`"
