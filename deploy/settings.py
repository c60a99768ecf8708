"""Settings of the commands that only the command line knows; `ingest` and `project` have their own."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, field_validator

from ingest.settings import ReceiveSettings
from projections.settings import ProjectSettings, VerifySettings
from schemas.settings import DatabaseSettings, KafkaSettings, KeySettings, LogSettings, Settings, secret


class DataSettings(Settings):
    """Where the embedded Postgres and the development key live."""

    ledger_data_dir: Path = Path("data")

    @field_validator("ledger_data_dir")
    @classmethod
    def _whole(cls, value: Path) -> Path:
        return value.absolute()


class MigrateSettings(DatabaseSettings, LogSettings):
    """`migrate`."""


class TopicsSettings(KafkaSettings, LogSettings):
    """`topics`."""


class ProjectCommandSettings(ProjectSettings):
    """`project`: what the projector is told, and where its health is served."""

    ledger_host: str = "127.0.0.1"


class FoundDatabaseSettings(DatabaseSettings, DataSettings, LogSettings):
    """Commands that look into a database: DATABASE_URL, or the embedded Postgres that `dev` is running."""

    database_url: str = secret("")


class KeysSettings(FoundDatabaseSettings, KeySettings):
    """`keys`: the ring, where one is configured, beside the keys that the database remembers."""

    telnyx_public_keys: str = Field("", validate_default=False)


class RequeueSettings(FoundDatabaseSettings, KafkaSettings):
    """`quarantine requeue`: into Kafka where it is configured, else straight into the tables."""

    kafka_bootstrap_servers: str = Field("", validate_default=False)


class ReplaySettings(FoundDatabaseSettings, KafkaSettings):
    """`replay`: the store, and Kafka."""


class DevSettings(ReceiveSettings, VerifySettings, DataSettings):
    """What `ingest` and `project` are told, less Kafka. No database: an embedded one. No key: the development key."""

    database_url: str = secret("")
    telnyx_public_keys: str = Field("", validate_default=False)


def redacted(database_url: str) -> str:
    """Return host (or Unix socket), port and database of a URI, without user and password."""
    parts = urlsplit(database_url)
    host = parts.netloc.rpartition("@")[2] or parse_qs(parts.query).get("host", ["localhost"])[0]
    return f"{host}{parts.path}"
