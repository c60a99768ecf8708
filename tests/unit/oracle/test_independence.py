"""The oracle shares no code with the product, directly or through what it imports."""

import ast
from pathlib import Path

from tests import oracle
from tests.contract import tables
from tests.oracle.tables import FOLDS

ORACLE = Path(oracle.__file__).parent


def imported(path: Path) -> set[str]:
    """Every imported module or name, with its dots."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def test_the_oracle_imports_itself_and_the_literal_contract() -> None:
    names = {name for path in ORACLE.rglob("*.py") for name in imported(path)}
    assert not {name.split(".")[0] for name in names} & {"schemas", "ingest", "projections", "deploy"}
    assert {name for name in names if name.startswith("tests.") and not name.startswith("tests.oracle.")} == {
        "tests.contract.tables"
    }


def test_the_contract_computes_nothing_with_the_product() -> None:
    assert imported(Path(tables.__file__)) == {"dataclasses.dataclass"}


def test_every_table_that_follows_from_events_is_computed_twice() -> None:
    operation = {"dead_letters", "projection_state", "projection_offsets", "signing_keys", "error_codes", "turns"}
    seals = {"event_seals", "seal_count", "seal_groups", "store_epochs"}
    assert tables.TABLES.keys() - FOLDS.keys() - operation - seals == {"events", "quarantined_webhooks"}
