"""How a failed request to Kafka is judged, and how long something that is away is left alone."""

import pytest
from aiokafka import errors
from aiokafka.partitioner import DefaultPartitioner

from ingest.breaker import Backoff, Breaker
from ingest.lanes import judge


@pytest.mark.parametrize(
    "error",
    [errors.MessageSizeTooLargeError(), errors.RecordListTooLargeError(), errors.InvalidTimestampError()],
)
def test_a_record_at_fault_is_refused(error: errors.KafkaError) -> None:
    assert judge(error) == "refused"


@pytest.mark.parametrize(
    "error",
    [
        errors.RequestTimedOutError(),
        errors.KafkaTimeoutError(),
        errors.NodeNotReadyError(),
        errors.KafkaConnectionError(),
        errors.NotLeaderForPartitionError(),
        errors.LeaderNotAvailableError(),
        errors.NotEnoughReplicasError(),
        errors.NotEnoughReplicasAfterAppendError(),
        errors.UnknownTopicOrPartitionError(),
        errors.TopicAuthorizationFailedError(),
        errors.ClusterAuthorizationFailedError(),
        errors.KafkaStorageError(),
        errors.UnknownError(),
        errors.ProducerClosed(),
    ],
)
def test_whatever_may_pass_by_itself_is_away(error: errors.KafkaError) -> None:
    assert judge(error) == "away"


@pytest.mark.parametrize(
    "error", [errors.KafkaError("Unexpected error during batch delivery"), errors.IllegalStateError()]
)
def test_anything_else_is_a_broken_producer(error: errors.KafkaError) -> None:
    assert judge(error) == "broken"


def test_the_partitioner_is_the_default_one_of_every_kafka_client() -> None:
    # Vectors of org.apache.kafka.common.utils.UtilsTest: 21 -> -973932308, foobar -> -790332482, abc -> 479470107.
    vectors = {b"21": -973932308, b"foobar": -790332482, b"abc": 479470107}
    for key, hashed in vectors.items():
        assert DefaultPartitioner()(key, list(range(12)), []) == (hashed & 0x7FFFFFFF) % 12


def test_a_breaker_tells_a_change_from_a_repetition() -> None:
    breaker = Breaker()
    assert [breaker.trip(), breaker.trip(), breaker.is_open] == [True, False, True]
    assert [breaker.close(), breaker.close(), breaker.is_open] == [True, False, False]


def test_delays_grow_to_their_limit_and_begin_again() -> None:
    backoff = Backoff(0.1, 2.0)
    delays = [backoff.next_seconds() for _ in range(10)]
    for delay, longest in zip(delays, [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0, 2.0, 2.0], strict=True):
        assert longest / 2 <= delay <= longest
    backoff.reset()
    assert backoff.next_seconds() <= 0.1
