"""The kinds of Kafka errors, the partition of a key, and the breaker."""

import pytest
from aiokafka import errors
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from ingest.durable.breaker import Breaker
from ingest.kafka.producer import error_kind, key_hash

KINDS = {
    "refused": [errors.MessageSizeTooLargeError(), errors.RecordListTooLargeError(), errors.InvalidTimestampError()],
    "away": [
        *(errors.RequestTimedOutError(), errors.KafkaTimeoutError(), errors.NodeNotReadyError()),
        *(errors.KafkaConnectionError(), errors.NotLeaderForPartitionError(), errors.LeaderNotAvailableError()),
        *(errors.NotEnoughReplicasError(), errors.NotEnoughReplicasAfterAppendError(), errors.KafkaStorageError()),
        *(errors.TopicAuthorizationFailedError(), errors.ClusterAuthorizationFailedError(), errors.UnknownError()),
        errors.UnknownTopicOrPartitionError(),
        errors.CorruptRecordException(),  # a bit flipped on the wire; the record in the spool is sound
    ],
    "broken": [errors.KafkaError("Unexpected error during batch delivery"), errors.IllegalStateError()],
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_is_the_records_may_pass_or_breaks_the_producer(kind: str) -> None:
    assert {repr(error): error_kind(error) for error in KINDS[kind]} == {repr(error): kind for error in KINDS[kind]}


@given(st.binary(max_size=80))
def test_the_partitioner_is_the_default_one_of_every_kafka_client(key: bytes) -> None:
    partitions = list(range(12))
    assert DefaultPartitioner()(key, partitions, []) == key_hash(key) % len(partitions)


# Vectors of org.apache.kafka.common.utils.UtilsTest.
@pytest.mark.parametrize(("key", "hashed"), [(b"21", -973932308), (b"foobar", -790332482), (b"abc", 479470107)])
def test_the_hash_of_a_key_is_that_of_the_java_client(key: bytes, hashed: int) -> None:
    assert key_hash(key) == hashed & 0x7FFFFFFF


def test_a_breaker_returns_whether_it_changed() -> None:
    breaker = Breaker()
    assert [breaker.trip(), breaker.trip(), breaker.is_open] == [True, False, True]
    assert [breaker.close(), breaker.close(), breaker.is_open] == [True, False, False]
