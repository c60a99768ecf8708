"""The worked questions of `schemas/queries`, and statements with psql's variables: `:'name'` stands for a value.

A value is never pasted into a statement: it becomes a parameter, so that no value can change what is asked.
"""

import re
from collections.abc import Mapping
from importlib.resources import files

from schemas.errors import Misconfigured

_VARIABLE = re.compile(r"(?<!:):'(\w+)'")


def questions() -> dict[str, str]:
    """Statements by name; the first line of each, a comment, is the question."""
    return {
        path.name.removesuffix(".sql"): path.read_text("utf-8")
        for path in sorted((files("schemas") / "queries").iterdir(), key=lambda path: path.name)
    }


def wording(statement: str) -> str:
    """The question that a worked statement answers."""
    return statement.partition("\n")[0].removeprefix("-- ")


def question(name: str) -> str:
    """The statement of this name. Raises Misconfigured with those that there are."""
    known = questions()
    if name not in known:
        there = [f"  {known_name}: {wording(statement)}" for known_name, statement in known.items()]
        raise Misconfigured([f"--ask: no question {name!r}; there are", *there])
    return known[name]


def variables(statement: str) -> list[str]:
    """The names in it that stand for values, in order."""
    return list(dict.fromkeys(_VARIABLE.findall(statement)))


def bound(statement: str, given: Mapping[str, str]) -> tuple[str, list[str]]:
    """The statement with parameters, and their values: text, to be cast where it is used. Raises Misconfigured for a
    variable without a value, and a value without a variable."""
    names = variables(statement)
    problems = [f"--set {name}=…: missing{_meaning(statement, name)}" for name in names if name not in given]
    problems += [
        f"--set {name}: no such variable; expected {', '.join(names) or 'none'}" for name in given if name not in names
    ]
    if problems:
        raise Misconfigured(problems)
    places = {name: f"${number}::text" for number, name in enumerate(names, 1)}
    return _VARIABLE.sub(lambda found: places[found[1]], statement), [given[name] for name in names]


def _meaning(statement: str, name: str) -> str:
    """What the comment above a worked statement says of a variable."""
    found = re.search(rf"^-- (?:\w+, )*{name}(?:, \w+)*: (.+)$", statement, re.MULTILINE)
    return f"; {found[1]}" if found else ""
