"""Topic names, keys and settings, shared by ingest, the projector, tests and the command `topics`.

A key keeps the events of one thing in one partition. It promises no order (docs/kafka.md).
"""

from schemas.families.table import family_of
from schemas.reading.event import Event

MAX_MESSAGE_BYTES = 2 * 1024 * 1024
# `topics` creates and checks topics but never alters them. With a higher value here, ingest refuses to start until an
# operator raises retention.ms of the existing topics. A lower value changes only topics that are created later.
RETENTION_MS = 14 * 24 * 60 * 60 * 1000


class Topics:
    """The four topics under one prefix. `partitions` maps each full name to its number of partitions."""

    def __init__(self, prefix: str = "telnyx") -> None:
        self.messages = f"{prefix}.messages"
        self.ten_dlc = f"{prefix}.10dlc"
        self.other = f"{prefix}.other"
        self.quarantine = f"{prefix}.quarantine"
        self.partitions = {self.messages: 12, self.ten_dlc: 3, self.other: 3, self.quarantine: 1}
        self.all = tuple(self.partitions)
        self._by_name = {"messages": self.messages, "10dlc": self.ten_dlc, "other": self.other}

    def of(self, event_type: str) -> str:
        """The topic of an event type; every type has one."""
        return self._by_name[family_of(event_type).topic]


def topic_settings(replication: int) -> dict[str, str]:
    """The settings with which an acknowledged record survives the loss of a broker."""
    return {
        "min.insync.replicas": str(max(1, replication - 1)),
        "unclean.leader.election.enable": "false",
        "retention.ms": str(RETENTION_MS),
        # A cluster's default may be finite: Kafka would then delete records that nobody has read.
        "retention.bytes": "-1",
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
    }


def record_key(event: Event) -> str:
    """The Kafka key of an event: the thing that it is about as its family says, else the event itself."""
    return family_of(event.type).key.find(event.payload) or event.key
