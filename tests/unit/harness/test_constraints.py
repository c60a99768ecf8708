"""The files of exact versions cover what pyproject.toml asks for, with hashes, and name no place to fetch it from."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
FILES = {
    "deploy/constraints.txt": PROJECT["dependencies"] + EXTRAS["embedded"],
    "deploy/constraints-ci.txt": PROJECT["dependencies"] + EXTRAS["embedded"] + EXTRAS["dev"],
}


def pinned(text: str) -> dict[str, Version]:
    lines = re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE)
    return {canonicalize_name(name): Version(version) for name, version in lines}


@pytest.mark.parametrize("path", FILES)
def test_every_dependency_has_a_version_that_pyproject_allows(path: str) -> None:
    versions = pinned((ROOT / path).read_text())
    wanted = [Requirement(text) for text in FILES[path] if not text.startswith(PROJECT["name"])]
    refused = [str(need) for need in wanted if versions[canonicalize_name(need.name)] not in need.specifier]
    assert refused == [], "run `make constraints`"


@pytest.mark.parametrize("path", FILES)
def test_every_version_has_a_hash_and_no_address(path: str) -> None:
    text = (ROOT / path).read_text()
    blocks = re.findall(r"^[\w.-]+==.*(?:\n    .*)*", text, re.MULTILINE)
    assert len(blocks) == len(pinned(text))
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "://" not in text
