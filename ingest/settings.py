"""The settings of ingest, one class per mode: a mode asks only for the variables that it uses."""

from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator

from schemas.kafka.topics import MAX_MESSAGE_BYTES
from schemas.settings import DatabaseSettings, KafkaSettings, KeySettings, LogSettings, Settings

RECORD_HEADER_BYTES = 16 * 1024  # more than a record can have beside its body


class SpoolSettings(Settings):
    """The durable queue on local disk."""

    ledger_spool_dir: Path = Path("spool")
    ledger_spool_max_bytes: int = Field(1024**3, ge=1024**2)


class ReceiveSettings(KeySettings, DatabaseSettings, SpoolSettings, LogSettings):
    """The settings of both modes: everything but Kafka."""

    ledger_host: str = "127.0.0.1"
    ledger_port: int = Field(8080, ge=0, le=65535)
    ledger_admin_port: int | None = Field(None, ge=0, le=65535)
    # Within this bound, every accepted body can be published.
    ledger_max_body_bytes: int = Field(256 * 1024, ge=1024, le=MAX_MESSAGE_BYTES - RECORD_HEADER_BYTES)
    ledger_timestamp_tolerance_seconds: int = Field(300, ge=1, le=86_400)

    @field_validator("ledger_admin_port")
    @classmethod
    def _is_another_port(cls, port: int | None, info: ValidationInfo) -> int | None:
        if port and port == info.data.get("ledger_port"):
            raise ValueError(f"{port} is LEDGER_PORT too; choose another port, or unset it to share LEDGER_PORT")
        return port

    @field_validator("ledger_max_body_bytes")
    @classmethod
    def _fits_the_spool(cls, size: int, info: ValidationInfo) -> int:
        spool_bytes = info.data.get("ledger_spool_max_bytes")
        if spool_bytes is not None and spool_bytes < size + RECORD_HEADER_BYTES:
            least = size + RECORD_HEADER_BYTES
            raise ValueError(f"{size} does not fit the spool; set LEDGER_SPOOL_MAX_BYTES to {least} or more")
        return size


class IngestSettings(ReceiveSettings, KafkaSettings):
    """Kafka mode: `ingest` as a separate process."""
