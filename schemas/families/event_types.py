"""Event types as they are declared: exact names, and prefixes that end in `*`."""

from collections.abc import Iterable


class EventTypes:
    """A set of event types. Comparison is exact: case and separators count, as Telnyx writes them."""

    __slots__ = ("_names", "_prefixes", "patterns")

    def __init__(self, *patterns: str) -> None:
        self.patterns = patterns
        self._names = frozenset(pattern for pattern in patterns if not pattern.endswith("*"))
        self._prefixes = tuple(pattern[:-1] for pattern in patterns if pattern.endswith("*"))

    @classmethod
    def union(cls, sets: Iterable["EventTypes"]) -> "EventTypes":
        """The patterns of all of them, sorted, each once. A pattern that another one covers is left out."""
        patterns = {pattern for event_types in sets for pattern in event_types.patterns}
        return cls(*sorted(pattern for pattern in patterns if not cls(*(patterns - {pattern})).takes(pattern)))

    def takes(self, event_type: str) -> bool:
        return event_type in self._names or event_type.startswith(self._prefixes)

    @property
    def sql_patterns(self) -> tuple[list[str], list[str]]:
        """(exact names, prefixes), as the statements in projections/sql/ take them."""
        return sorted(self._names), list(self._prefixes)

    def __str__(self) -> str:
        return ", ".join(self.patterns)
