"""The named queries of projections/sql: each names its parameters in a comment."""

import re
from importlib.resources import files

import pytest

from projections.sql import queries

FILES = sorted(
    path.name.removesuffix(".sql") for path in (files("projections") / "sql").iterdir() if ".sql" in path.name
)
PARAMS = re.compile(r"^-- params: (?P<names>.*(?:\n-- \$.*)*)", re.MULTILINE)


def numbers(text: str) -> list[int]:
    return sorted({int(number) for number in re.findall(r"\$(\d+)", text)})


@pytest.mark.parametrize("file", FILES)
def test_each_query_names_its_parameters(file: str) -> None:
    for name, query in queries(file).items():
        statement = "\n".join(line for line in query.splitlines() if not line.startswith("--"))
        comment = PARAMS.search(query)
        assert (name, numbers(comment["names"] if comment else "")) == (name, numbers(statement))
