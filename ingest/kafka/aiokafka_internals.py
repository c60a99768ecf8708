"""The private names of aiokafka on which the producer relies. Only this module imports them.

An upgrade that removes one fails at import, with the name and the version that was tried.
"""

import inspect
from typing import Any

from aiokafka.cluster import ClusterMetadata

from schemas.library_internals import lacking, untried, used_in

TRIED = "0.14.0"

try:
    from aiokafka.client import AIOKafkaClient
    from aiokafka.protocol.produce import ProduceRequest
    from aiokafka.record.default_records import DefaultRecordBatchBuilder
except ImportError as error:
    raise untried("aiokafka", TRIED, [str(error)]) from None

__all__ = ["AIOKafkaClient", "DefaultRecordBatchBuilder", "ProduceRequest", "metadata_task_ended"]


def metadata_task_ended(client: Any) -> bool:
    """Whether the client's own task stopped: an error that aiokafka does not expect ends it permanently."""
    return bool(client._sync_task.done())


def missing_names() -> list[str]:
    """The names that the installed aiokafka lacks."""
    client = AIOKafkaClient
    request = inspect.signature(ProduceRequest).parameters
    return [
        *lacking(
            "AIOKafkaClient", dir(client), "bootstrap", "close", "fetch_all_metadata", "force_metadata_update", "send"
        ),
        *lacking("AIOKafkaClient", used_in(client, "__init__"), "_sync_task", "cluster"),
        *lacking(
            "ClusterMetadata",
            dir(ClusterMetadata),
            "add_listener",
            "leader_for_partition",
            "partitions_for_topic",
            "remove_listener",
            "topics",
        ),
        *lacking("ProduceRequest", request, "required_acks", "timeout", "topics", "transactional_id"),
        *lacking("DefaultRecordBatchBuilder", dir(DefaultRecordBatchBuilder), "append", "build"),
    ]


if missing := missing_names():
    raise untried("aiokafka", TRIED, missing)
