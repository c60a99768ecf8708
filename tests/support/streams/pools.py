"""Shared draws of all families: coinciding moments, small pools, and a hostile value now and then."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.support.webhooks.malformed import HOSTILE, Raw

BASE = datetime(2026, 2, 28, 23, 58, tzinfo=UTC)
STEP = timedelta(seconds=30)
LAST_STEP = 8
ACCOUNTS = ("a", "b")


def pool(*good: Any, share: int = 8) -> st.SearchStrategy[Any]:
    """One of the good values, about `share` times as often as a hostile one."""
    return st.sampled_from([*list(good) * (1 + share * len(HOSTILE) // len(good)), *HOSTILE])


def weighted(*choices: tuple[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """One of the strategies, by weight (`one_of` counts the branches inside)."""
    drawn = [strategy for weight, strategy in choices for _ in range(weight)]
    return st.integers(0, len(drawn) - 1).flatmap(drawn.__getitem__)


def an_object(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object whose members may each be absent; `from_` stands for `from`."""
    return st.fixed_dictionaries({}, optional={name.rstrip("_"): strategy for name, strategy in fields.items()})


def _spellings() -> list[str]:
    """Every moment of the grid in several of the vendor's formats."""
    found = []
    for step in range(LAST_STEP + 1):
        at = BASE + step * STEP
        local = (at - timedelta(hours=5)).replace(tzinfo=None).isoformat()
        found += [at.isoformat(timespec="milliseconds"), f"{local}.0000009-05", at.isoformat(" ")[:19], f" {at:%FT%T}z"]
    return found


TIMES = pool(*_spellings(), share=20)
PROFILES = pool("p1", "p1", "p2", "p2", None, 7, share=4)
MONEY = (
    *(None, "0.0051", "0.0040", "-1.50", "0.00000", Raw("0.0052"), Raw("7"), "NaN", "1e5", " 1", "1" * 20, "1" * 21),
    *("0." + "1" * 20, "0." + "1" * 21, Raw("1e19"), Raw("1e20"), Raw("1.10e-7"), Raw("0.0000000000000000000000001")),
)


def an_event(event_types: Sequence[Any], payload: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The object `data` of a webhook."""
    return st.fixed_dictionaries(
        {"event_type": st.sampled_from(event_types), "occurred_at": TIMES, "payload": payload},
        optional={"id": pool("e1", "e2", 17), "record_type": pool("event")},
    )
