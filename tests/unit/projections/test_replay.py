"""What a replay does with Kafka's answers: who is away is asked again, what is refused is named, nothing is skipped."""

import asyncio
from collections.abc import Sequence

import pytest

from projections.recovery import replay
from projections.recovery.replay import acknowledged
from schemas.errors import Rejected, Unavailable
from schemas.kafka.record import Record
from schemas.kafka.sink import Verdict

RECORDS = [Record("t", b"", b"", (), key) for key in "abc"]


class Answers:
    """Gives these answers in turn, and remembers what it was asked for."""

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
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "WAIT_SECONDS", (0.0, 0.0))


async def test_only_what_is_not_there_yet_is_tried_again() -> None:
    away = Unavailable("no leader")
    kafka = Answers(away, [None, away, Rejected("too_large")], [None])
    assert await acknowledged(kafka, RECORDS) == {"c": "not taken: too_large"}
    assert kafka.asked == ["abc", "abc", "b"]


async def test_kafka_that_stays_away_ends_it() -> None:
    away = Unavailable("no leader")
    kafka = Answers([None, away, None], away, [away])
    with pytest.raises(Unavailable, match="no leader"):
        await asyncio.wait_for(acknowledged(kafka, RECORDS), 5)
    assert kafka.asked == ["abc", "b", "b"]


async def test_nothing_to_deliver_asks_nobody() -> None:
    kafka = Answers()
    assert await acknowledged(kafka, []) == {}
    assert kafka.asked == []
