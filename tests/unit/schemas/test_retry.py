"""Delays between tries, and outages that are logged once."""

from schemas.retry import Backoff, SayOnce


def test_delays_grow_to_their_limit_and_begin_again() -> None:
    backoff = Backoff(0.1, 2.0)
    delays = [backoff.next_seconds() for _ in range(10)]
    for delay, longest in zip(delays, [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0, 2.0, 2.0], strict=True):
        assert longest / 2 <= delay <= longest
    backoff.reset()
    assert backoff.next_seconds() <= 0.1


def test_a_state_is_news_when_it_differs_from_the_last_one() -> None:
    outage = SayOnce("answers")
    states = ["answers", "away", "away", "answers", "away"]
    assert [outage.enter(state) for state in states] == [False, True, False, True, True]
