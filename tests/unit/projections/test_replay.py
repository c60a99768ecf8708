"""A replay repeats records until Kafka acknowledges them, names those that Kafka refuses, and skips none."""

import asyncio
from collections.abc import Sequence

import pytest

from projections.recovery import replay
from projections.recovery.replay import acknowledged
from schemas.errors import Rejected, Unavailable
from schemas.kafka.record import Record
from schemas.kafka.sink import Verdict
from schemas.retry import Backoff

RECORDS = [Record("t", b"", b"", (), key) for key in "abc"]


class Answers:
    """A sink that gives these answers in turn, and remembers the records it was asked to take."""

    def __init__(self, *answers: Sequence[Verdict] | Unavailable) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def deliver(self, records: Sequence[Record]) -> Sequence[Verdict]:
        self.asked.append("".join(record.event_key for record in records))
        answer = self._answers.pop(0)
        if isinstance(answer, Unavailable):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "Backoff", lambda *_: Backoff(0.01, 0.01))


async def test_only_unacknowledged_records_are_tried_again() -> None:
    away = Unavailable("no leader")
    kafka = Answers(away, [None, away, Rejected("too_large")], [None])
    assert await acknowledged(kafka, RECORDS) == {"c": "not taken: too_large"}
    assert kafka.asked == ["abc", "abc", "b"]


async def test_a_replay_ends_while_kafka_stays_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "PATIENCE_SECONDS", 0.1)
    away = Unavailable("no leader")
    kafka = Answers([None, away, None], *[away] * 50)
    with pytest.raises(Unavailable, match="no leader"):
        await asyncio.wait_for(acknowledged(kafka, RECORDS), 5)
    assert len(kafka.asked) > 2
    assert kafka.asked[0] == "abc"
    assert set(kafka.asked[1:]) == {"b"}


async def test_an_empty_page_is_not_delivered() -> None:
    kafka = Answers()
    assert await acknowledged(kafka, []) == {}
    assert kafka.asked == []
