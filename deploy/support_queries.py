"""The support queries of `schemas/queries`, and psql's variables, where `:'name'` stands for a value.

A value is passed as a parameter and never pasted into a statement. No value can change the question.
"""

import re
from collections.abc import Mapping
from importlib.resources import files

from schemas.errors import Misconfigured

_VARIABLE = re.compile(r"(?<!:):'(\w+)'")


def support_queries() -> dict[str, str]:
    """Return the statements by name. The first line of each, a comment, is the question."""
    return {
        path.name.removesuffix(".sql"): path.read_text("utf-8")
        for path in sorted((files("schemas") / "queries").iterdir(), key=lambda path: path.name)
    }


def question_of(statement: str) -> str:
    return statement.partition("\n")[0].removeprefix("-- ")


def support_query(name: str) -> str:
    """Return the statement of this name. Raises Misconfigured, listing the known names."""
    known = support_queries()
    if name not in known:
        available = [f"  {known_name}: {question_of(statement)}" for known_name, statement in known.items()]
        raise Misconfigured([f"--ask: unknown query {name!r}. Available:", *available])
    return known[name]


def variables(statement: str) -> list[str]:
    """Return the names of its variables, in order."""
    return list(dict.fromkeys(_VARIABLE.findall(statement)))


def bound(statement: str, values: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return the statement with parameters, and their values as text, which the statement casts where it uses them.

    Raises Misconfigured for a variable without a value, and for a value without a variable.
    """
    names = variables(statement)
    problems = [f"--set {name}=…: missing{_meaning(statement, name)}" for name in names if name not in values]
    problems += [
        f"--set {name}: unknown variable; expected {', '.join(names) or 'none'}" for name in values if name not in names
    ]
    if problems:
        raise Misconfigured(problems)
    places = {name: f"${number}::text" for number, name in enumerate(names, 1)}
    return _VARIABLE.sub(lambda match: places[match[1]], statement), [values[name] for name in names]


def _meaning(statement: str, name: str) -> str:
    """Return what the comment of a support query says about a variable."""
    match = re.search(rf"^-- (?:\w+, )*{name}(?:, \w+)*: (.+)$", statement, re.MULTILINE)
    return f"; {match[1]}" if match else ""
