"""Fails at import when a private name of a library is gone, instead of at the first webhook or outage."""

from collections.abc import Collection, Iterable
from importlib.metadata import version


def untried(library: str, tried: str, missing: Iterable[str]) -> ImportError:
    """The error for a library without the names that are `missing`. `tried` is a version that has all of them."""
    names = ", ".join(missing)
    return ImportError(
        f"{library} {version(library)} does not have: {names}. Install {library} {tried}, the version that was tried."
    )


def lacking(owner: str, has: Collection[str], *names: str) -> list[str]:
    """Those of the names that `owner` does not have."""
    return [f"{owner}.{name}" for name in names if name not in has]


def used_in(owner: type, method: str) -> Collection[str]:
    """Names of the globals and attributes that a method reads or sets: attributes of instances are found there."""
    code = getattr(getattr(owner, method, None), "__code__", None)
    return code.co_names if code else ()
