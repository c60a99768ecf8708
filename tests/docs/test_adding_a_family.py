"""docs/adding-a-family.md is complete: a toy family that follows the page works, and needs no other file."""

import filecmp
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import toy_family
from tests.docs.pages import ROOT
from tests.support.environment.copied_tree import copied_tree, run_python, run_tests
from tests.support.environment.postgres import PostgresServer

PAGE = (ROOT / "docs" / "adding-a-family.md").read_text()
GENERATE = "from schemas.contract import asyncapi, json_schema; json_schema.write(); asyncapi.write()"
REVISIONS = "tests/integration/schemas/sql/test_revisions.py"
WRITTEN = {"__pycache__", ".hypothesis"}
# tests/laws take minutes; the toy's own test compares the projector with the oracle on a few streams.
TESTS = (
    *("tests/unit/schemas/test_families.py", "tests/unit/oracle/test_independence.py", REVISIONS),
    "tests/contract/test_json_schema.py::test_the_committed_schemas_are_the_generated_ones",
    "tests/contract/test_json_schema.py::test_a_schema_is_valid_permissive_and_states_the_guarantee",
    *("tests/contract/test_asyncapi.py", "tests/contract/test_sql.py"),
    *("tests/integration/schemas/sql/test_roles.py", toy_family.CHECK_FILE, "tests/docs/test_definitions.py"),
    "tests/integration/projections/engine/test_projection_versions.py",
)


def named_files(section: str) -> set[str]:
    """The files in the table of a section, with the toy's names."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    names = set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))
    assert names, section
    return {re.sub(r"<(\w+)>", lambda found: toy_family.NAMES[found[1]], name) for name in names}


@pytest.fixture(scope="module")
def copy() -> Iterator[Path]:
    """A copy of the repository with the toy family: edited, generated, and with the digest of its schema."""
    with copied_tree() as tree:
        toy_family.add(tree)
        generated = run_python(tree, "-c", GENERATE)
        assert generated.returncode == 0, generated.stdout
        enter_digest(tree)
        yield tree


def enter_digest(tree: Path) -> None:
    """Enter the digest that the failing test shows, as a person would."""
    shown = run_tests(tree, ["-vv", REVISIONS]).stdout
    contract = tree / "tests" / "contract" / "tables.py"
    text = contract.read_text()
    [old] = re.findall(r'^ +"0011": "(\w{64})",$', text, re.MULTILINE)
    [new] = set(re.findall(r"\b[0-9a-f]{64}\b", shown)) - set(re.findall(r"\b[0-9a-f]{64}\b", text))
    contract.write_text(text.replace(old, new))


def changed_files(tree: Path) -> set[str]:
    """The files of the copy that are new or differ from the repository's, without those that Python and tests write."""
    files = {path.relative_to(tree) for path in tree.rglob("*") if path.is_file() and not WRITTEN & {*path.parts}}
    return {
        str(path)
        for path in files
        if not (ROOT / path).exists() or not filecmp.cmp(ROOT / path, tree / path, shallow=False)
    }


def test_the_toy_family_needs_exactly_the_files_of_the_page(copy: Path) -> None:
    edited, generated = named_files("Edit these files"), named_files("Generate these files")
    assert edited == toy_family.CREATED.keys() | toy_family.INSERTED.keys()
    assert changed_files(copy) - {toy_family.CHECK_FILE} == edited | generated


def test_the_toy_family_works(copy: Path, postgres_server: PostgresServer) -> None:
    (copy / toy_family.CHECK_FILE).write_text(toy_family.CHECK)
    # Of the tests that run once per relation, only those of the toy's table: each makes a database.
    chosen = ["-k", "not relation_has_the_columns or porting_orders", *TESTS]
    done = run_tests(copy, chosen, {"TEST_DATABASE_URL": postgres_server.admin_url})
    assert done.returncode == 0, done.stdout


def test_the_page_names_the_tests_that_run_here() -> None:
    own = toy_family.CHECK_FILE
    assert [name for name in TESTS if name != own and name not in PAGE and not covered(name)] == []


def covered(name: str) -> bool:
    return name.startswith("tests/contract/") and "`tests/contract`" in PAGE
