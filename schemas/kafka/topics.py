"""Topic names, keys and settings: constants that ingest, the projector, tests and `topics` share.

Order is never promised by a key; it only keeps the events of one thing together (docs/kafka.md).
"""

from schemas.reading.event import Event
from schemas.reading.normalize import party, phone, vendor_id

MAX_MESSAGE_BYTES = 2 * 1024 * 1024
RETENTION_MS = 14 * 24 * 60 * 60 * 1000
TEN_DLC_PREFIXES = ("10dlc.", "brand.", "campaign.")


class Topics:
    """The four topics under one prefix. `partitions` maps each full name to its number of partitions."""

    def __init__(self, prefix: str = "telnyx") -> None:
        self.messages = f"{prefix}.messages"
        self.ten_dlc = f"{prefix}.10dlc"
        self.other = f"{prefix}.other"
        self.quarantine = f"{prefix}.quarantine"
        self.partitions = {self.messages: 12, self.ten_dlc: 3, self.other: 3, self.quarantine: 1}
        self.all = tuple(self.partitions)

    def of(self, event_type: str) -> str:
        """The topic of an event type; every type has one."""
        if event_type.startswith("message."):
            return self.messages
        return self.ten_dlc if event_type.startswith(TEN_DLC_PREFIXES) else self.other


def topic_settings(replication: int) -> dict[str, str]:
    """What a topic must be set to, so that an acknowledged record outlives the loss of a broker."""
    return {
        "min.insync.replicas": str(max(1, replication - 1)),
        "unclean.leader.election.enable": "false",
        "retention.ms": str(RETENTION_MS),
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
    }


def record_key(event: Event) -> str:
    """What an event is about: outbound message, inbound sender, campaign, brand or number; else the event itself."""
    payload = event.payload
    if event.type == "message.received":
        found = party(payload.get("from"))
    elif event.type.startswith("message."):
        found = vendor_id(payload.get("id"))
    elif event.type.startswith(TEN_DLC_PREFIXES):
        found = (
            vendor_id(payload.get("campaignId"))
            or vendor_id(payload.get("brandId"))
            or phone(payload.get("phoneNumber"))
        )
    else:
        found = None
    return found or event.key
