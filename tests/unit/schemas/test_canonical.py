"""Deeply nested values have the canonical bytes of orjson, and do not abort the process."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.reading.canonical import MAX_LEVELS, SHALLOW_LEVELS, canonical
from schemas.reading.event import Unreadable, read

SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30)


def nested(levels: int, kind: str, inmost: object = 1) -> object:
    value = inmost
    for _ in range(levels):
        value = [value] if kind == "array" else {"é": value}
    return value


@given(VALUES, st.sampled_from(["array", "object"]), st.integers(0, 60))
def test_the_bytes_are_those_of_orjson(value: object, kind: str, levels: int) -> None:
    read_back = orjson.loads(orjson.dumps(nested(levels, kind, value)))
    deep_enough = b"[" * (SHALLOW_LEVELS + 1)  # with so many brackets, `canonical` counts the levels
    assert canonical(read_back, deep_enough) == orjson.dumps(read_back, option=orjson.OPT_SORT_KEYS)


@pytest.mark.parametrize("kind", ["array", "object"])
def test_the_depth_limit_is_that_of_orjson(kind: str) -> None:
    source = b"[" * MAX_LEVELS
    assert canonical(nested(MAX_LEVELS, kind), source) == orjson.dumps(nested(MAX_LEVELS, kind))
    with pytest.raises(orjson.JSONEncodeError):
        canonical(nested(MAX_LEVELS + 1, kind), source)
    with pytest.raises(orjson.JSONEncodeError):
        orjson.dumps(nested(MAX_LEVELS + 1, kind))


@pytest.mark.parametrize("levels", [75, 150, 206, 230, 252])
@pytest.mark.parametrize("inmost", [1, "", "\u0001" * 22, None])
def test_a_body_with_many_arrays_that_end_together_is_an_event(levels: int, inmost: object) -> None:
    """orjson itself aborts the process here, if the arrays reach the end of its buffer."""
    array = b"[" * levels + orjson.dumps(inmost) + b"]" * levels
    arrays = b",".join([array] * 8)
    for length in range(0, 1100, 20):
        text = b"x" * length
        body = b'{"data":{"event_type":"t","occurred_at":"2026-03-01T12:00:00Z","text":"%b","it":[%b]}}' % (
            text,
            arrays,
        )
        assert not isinstance(read(body), Unreadable)
