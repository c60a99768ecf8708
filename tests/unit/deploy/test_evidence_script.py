"""verify.py of an evidence folder derives the same event_key as the product, without its libraries."""

import json
import runpy
from collections.abc import Callable
from hashlib import sha256
from importlib.resources import files
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.reading.event import Event, read

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1e16, 1e-5, 1.5e-5, -1e-5, 0.0, -0.0]),
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=15,
)


@pytest.fixture(scope="module")
def event_key(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], bytes]:
    """Return the function of the script, loaded from a folder in which it may run."""
    folder = tmp_path_factory.mktemp("folder")
    script = (files("deploy.evidence") / "verify.py").read_bytes()
    (folder / "verify.py").write_bytes(script)
    (folder / "manifest.sha256").write_text(f"{sha256(script).hexdigest()}  verify.py\n")
    loaded: Callable[[bytes], bytes] = runpy.run_path(str(folder / "verify.py"))["event_key"]
    return loaded


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payload=VALUES, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
def test_the_script_derives_the_same_event_keys(
    event_key: Callable[[bytes], bytes], payload: object, ascii_only: bool, indent: int | None
) -> None:
    data = {"event_type": "message.sent", "occurred_at": "2026-03-01T12:00:00Z", "payload": payload}
    body = json.dumps({"data": data}, ensure_ascii=ascii_only, indent=indent).encode()
    event = read(body)
    assert isinstance(event, Event)
    assert event_key(body) == UUID(event.key).bytes


@pytest.mark.parametrize(
    "written",
    [
        *("-0", "-0.0", "1E5", "0.1e1", "1e-7", "0.00001", "123e-7", "1e16", "9007199254740993.0"),
        *("18446744073709551616", "-9223372036854775809", "1" + "0" * 300),
        *('"\\u0000\\ud83d\\ude00\\/\x7f"', '{"b":1,"a":2,"b":3}'),
    ],
)
def test_spellings_of_a_value_give_the_same_event_key(event_key: Callable[[bytes], bytes], written: str) -> None:
    body = '{"data":{"event_type":"t","occurred_at":"2026-03-01T12:00:00Z","payload":' + written + "}}"
    event = read(body.encode())
    assert isinstance(event, Event)
    assert event_key(body.encode()) == UUID(event.key).bytes
