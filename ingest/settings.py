"""The settings of ingest, one class per mode: a mode asks only for the variables that it uses."""

from pathlib import Path

from pydantic import Field

from schemas.kafka.topics import MAX_MESSAGE_BYTES
from schemas.settings import DatabaseSettings, KafkaSettings, KeySettings, LogSettings, Settings


class SpoolSettings(Settings):
    """The durable queue on local disk."""

    ledger_spool_dir: Path = Path("spool")
    ledger_spool_max_bytes: int = Field(1024**3, ge=1024**2)


class ReceiveSettings(KeySettings, DatabaseSettings, SpoolSettings, LogSettings):
    """The settings of both modes: everything but Kafka."""

    ledger_host: str = "127.0.0.1"
    ledger_port: int = Field(8080, ge=0, le=65535)
    ledger_admin_port: int | None = Field(None, ge=0, le=65535)
    # A record is the body and about 1 KiB of headers. Within this bound, every accepted body can be published.
    ledger_max_body_bytes: int = Field(256 * 1024, ge=1024, le=MAX_MESSAGE_BYTES - 16 * 1024)
    ledger_timestamp_tolerance_seconds: int = Field(300, ge=1, le=86_400)


class IngestSettings(ReceiveSettings, KafkaSettings):
    """Kafka mode: `ingest` as a separate process."""
