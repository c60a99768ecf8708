"""A key that has ended, or is about to, is said at load and daily."""

import asyncio
from typing import Any

import pytest
import structlog.testing

from ingest.metrics import IngestMetrics
from schemas.reading.key_ends import NEAR_SECONDS, keep_saying_key_ends, show_key_states, state_of
from schemas.reading.signing import Key, KeyRing, parse_keys
from tests.support.webhooks.builders import OTHER_KEY, public_key_setting

NOW = 1_772_366_400


def key(validity: str) -> Key:
    [parsed] = parse_keys([public_key_setting() + validity])
    return parsed


def other() -> Key:
    [parsed] = parse_keys([public_key_setting(OTHER_KEY)])
    return parsed


@pytest.mark.parametrize(
    ("validity", "state"),
    [
        ("", "valid"),
        (f":{NOW}", "valid"),
        (f":{NOW + 1}", "not_yet_valid"),
        (f"::{NOW + NEAR_SECONDS + 1}", "valid"),
        (f"::{NOW + NEAR_SECONDS}", "ends_soon"),
        (f"::{NOW}", "ends_soon"),
        (f"::{NOW - 1}", "expired"),
    ],
)
def test_the_state_of_a_key_follows_its_validity(validity: str, state: str) -> None:
    assert state_of(key(validity), NOW) == state


async def test_ends_are_said_at_load_at_a_rotation_and_daily(monkeypatch: pytest.MonkeyPatch) -> None:
    rings = [KeyRing([key(f"::{NOW - 1}"), other()])]
    now = [float(NOW)]
    sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda _: sleep(0))
    with structlog.testing.capture_logs() as lines:
        task = asyncio.create_task(keep_saying_key_ends(lambda: rings[-1], clock=lambda: now[0]))

        async def said() -> list[Any]:
            for _ in range(10):
                await sleep(0)
            return [(line["event"], line["log_level"]) for line in lines]

        assert await said() == [("key_expired", "error")]
        now[0] += 3_600
        assert len(await said()) == 1
        now[0] += 86_400
        assert len(await said()) == 2
        rings.append(KeyRing([key(f"::{NOW + 100_000}")]))
        assert (await said())[2:] == [("key_ends_soon", "warning")]
        task.cancel()
    assert lines[0]["key_id"] == key("").key_id


def test_the_metrics_count_the_keys_by_state() -> None:
    metrics = IngestMetrics()
    ring = KeyRing([key(f"::{NOW + 5}"), other()])
    now = [float(NOW)]
    show_key_states(metrics, lambda: ring, lambda: now[0])
    value = metrics.registry.get_sample_value

    def states() -> dict[str, float | None]:
        return {state: value("ledger_keys", {"state": state}) for state in ("valid", "ends_soon", "expired")}

    assert states() == {"valid": 1, "ends_soon": 1, "expired": 0}
    assert value("ledger_key_end_timestamp_seconds") == NOW + 5
    now[0] += 6
    assert states() == {"valid": 1, "ends_soon": 0, "expired": 1}
    assert value("ledger_key_end_timestamp_seconds") == 0
