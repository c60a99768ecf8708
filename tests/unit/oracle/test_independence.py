"""The second computation has nothing of what it checks in it."""

import ast
from pathlib import Path

from tests import oracle


def test_the_oracle_imports_nothing_from_the_product() -> None:
    for path in Path(oracle.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not {name.split(".")[0] for name in names} & {"schemas", "ingest", "projections", "deploy"}
