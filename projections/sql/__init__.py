"""Named queries from the files in this folder.

`-- name: NAME` opens a query, which ends where the next one begins. `-- params:` names its parameters in order.
"""

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def queries(file: str) -> dict[str, str]:
    """The queries of `projections/sql/FILE.sql` by name."""
    parts = _NAME.split((files("projections") / "sql" / f"{file}.sql").read_text())
    return {name: body.strip().rstrip(";") for name, body in zip(parts[1::2], parts[2::2], strict=True)}
