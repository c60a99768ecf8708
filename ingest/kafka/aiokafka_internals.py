"""The private names of aiokafka on which the producer relies. Only this module imports them.

An upgrade that removes one fails at import, with the name and the version that was tried.
"""

import inspect
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.cluster import ClusterMetadata

from schemas.library_internals import lacking, untried, used_in

TRIED = "0.14.0"

try:
    from aiokafka.client import AIOKafkaClient
    from aiokafka.protocol.metadata import MetadataRequest
    from aiokafka.protocol.produce import ProduceRequest
    from aiokafka.record.default_records import DefaultRecordBatchBuilder
except ImportError as error:
    raise untried("aiokafka", TRIED, [str(error)]) from None

__all__ = [
    "AIOKafkaClient",
    "DefaultRecordBatchBuilder",
    "OwnTopicsClient",
    "ProduceRequest",
    "described_topics",
    "metadata_task_ended",
]
NAMES_CREATE_NOTHING = 4  # the first version of the request that can tell the broker so


class OwnTopicsRequest(MetadataRequest):  # type: ignore[misc]  # aiokafka is not typed
    """Asks about topics by name, and never lets the broker create one. An old broker is asked about all topics."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(list(names), allow_auto_topic_creation=False)

    def build(self, request_struct_class: Any) -> Any:
        """The request in the broker's version."""
        if request_struct_class.API_VERSION < NAMES_CREATE_NOTHING:
            return MetadataRequest(None).build(request_struct_class)
        return super().build(request_struct_class)


class OwnTopicsClient(AIOKafkaClient):  # type: ignore[misc]
    """A client that knows the topics `names` only: the answer about a large cluster stalls the loop for 0.2 s and more.

    aiokafka's own client can ask about all topics, or by name with creation.
    """

    def __init__(self, names: Sequence[str], **options: Any) -> None:
        super().__init__(**options)
        self._names = names

    async def _metadata_update(self, cluster_metadata: Any, topics: Any) -> bool:
        nodes = [broker.nodeId for broker in self.cluster.brokers()]
        if not nodes:  # the bootstrap connection still has to find the brokers
            found: bool = await super()._metadata_update(cluster_metadata, topics)
            return found
        random.shuffle(nodes)
        for node in nodes:
            metadata = None
            with suppress(Exception):  # KeyError and RuntimeError too: one would end the client's metadata task
                metadata = await self.send(node, OwnTopicsRequest(self._names))
            if metadata is None:
                continue
            if not metadata.brokers:
                return False
            cluster_metadata.update_metadata(metadata)
            return True
        cluster_metadata.failed_update(None)
        return False


async def described_topics(admin: Any, names: Sequence[str]) -> list[dict[str, Any]]:
    """The answer of the admin client's `describe_topics`, without creating a topic."""
    answer = await admin._send_request(OwnTopicsRequest(names))
    topics: list[dict[str, Any]] = answer.to_object()["topics"]
    return topics


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
        *lacking("AIOKafkaClient", dir(client), "_metadata_update"),
        *lacking("AIOKafkaAdminClient", dir(AIOKafkaAdminClient), "_send_request"),
        *lacking("MetadataRequest", inspect.signature(MetadataRequest).parameters, "allow_auto_topic_creation"),
        *lacking("AIOKafkaClient", used_in(client, "__init__"), "_sync_task", "cluster"),
        *lacking(
            "ClusterMetadata",
            dir(ClusterMetadata),
            "add_listener",
            "brokers",
            "failed_update",
            "leader_for_partition",
            "partitions_for_topic",
            "remove_listener",
            "topics",
            "update_metadata",
        ),
        *lacking("ProduceRequest", request, "required_acks", "timeout", "topics", "transactional_id"),
        *lacking("DefaultRecordBatchBuilder", dir(DefaultRecordBatchBuilder), "append", "build"),
    ]


if missing := missing_names():
    raise untried("aiokafka", TRIED, missing)
