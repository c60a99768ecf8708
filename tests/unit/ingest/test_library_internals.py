"""Private names of uvicorn and aiokafka: each library's are used in one module, which fails by name without them."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from aiokafka.cluster import ClusterMetadata

from ingest.http import uvicorn_internals
from ingest.http.connection import LimitedProtocol
from ingest.http.uvicorn_internals import HttpToolsProtocol
from ingest.kafka import aiokafka_internals

ROOT = Path(__file__).parents[3]
PRIVATE = {
    "uvicorn.protocols": "ingest/http/uvicorn_internals.py",
    "aiokafka.client": "ingest/kafka/aiokafka_internals.py",
    "aiokafka.protocol": "ingest/kafka/aiokafka_internals.py",
    "aiokafka.record": "ingest/kafka/aiokafka_internals.py",
}
# New methods of LimitedProtocol. Every other method that it defines replaces one of uvicorn's.
OUR_OWN = {"refuse", "close_gracefully", "_release", "_refuse_headers", "_request_cycle", "_read_without_upgrade"}


def methods(of: type) -> set[str]:
    return {name for name, value in vars(of).items() if inspect.isfunction(value)} - {"__init__"}


def imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_private_modules_are_imported_in_one_module_each() -> None:
    found = {
        (private, str(path.relative_to(ROOT)))
        for package in ("schemas", "ingest", "projections", "deploy")
        for path in (ROOT / package).rglob("*.py")
        for name in imported(path.read_text())
        for private in PRIVATE
        if name.startswith(f"{private}.")
    }
    assert found == set(PRIVATE.items())


@pytest.mark.parametrize(
    ("module", "owner", "name"),
    [
        (uvicorn_internals, HttpToolsProtocol, "_start_asgi_task"),
        (aiokafka_internals, ClusterMetadata, "leader_for_partition"),
    ],
)
def test_import_fails_without_a_private_name(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, owner: type, name: str
) -> None:
    with monkeypatch.context() as without:
        without.delattr(owner, name)
        with pytest.raises(ImportError, match=rf"does not have: {owner.__name__}\.{name}.* Install .* {module.TRIED}"):
            importlib.reload(module)
    importlib.reload(module)


def test_every_override_replaces_a_method_of_uvicorn() -> None:
    assert methods(LimitedProtocol) - OUR_OWN <= methods(HttpToolsProtocol)


def test_no_new_method_replaces_one_of_uvicorn() -> None:
    assert not OUR_OWN & methods(HttpToolsProtocol)
