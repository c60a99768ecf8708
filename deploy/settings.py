"""Settings of the commands. Those of `ingest`, and most of those of `project`, are in their packages."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, field_validator

from ingest.settings import ReceiveSettings
from projections.settings import ProjectSettings, VerifySettings
from schemas.settings import DatabaseSettings, KafkaSettings, KeySettings, LogSettings, Settings, secret


class DataSettings(Settings):
    """The directory of the embedded Postgres, the development key and the checkpoint of `verify`."""

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
    """`project`: the settings of the projector, and the host of its health port."""

    ledger_host: str = "127.0.0.1"


class FoundDatabaseSettings(DatabaseSettings, DataSettings, LogSettings):
    """Operator commands: DATABASE_URL, or the embedded Postgres of a running `dev`."""

    database_url: str = secret("")


class KeysSettings(FoundDatabaseSettings, KeySettings):
    """`keys` and `verify`: the keys that the database remembers, and a configured key ring if there is one."""

    telnyx_public_keys: str = Field("", validate_default=False)


class RequeueSettings(FoundDatabaseSettings, KafkaSettings):
    """`quarantine requeue`: to Kafka if it is configured, else into the tables."""

    kafka_bootstrap_servers: str = Field("", validate_default=False)


class ReplaySettings(FoundDatabaseSettings, KafkaSettings):
    """`replay`: the database and Kafka."""


class DevSettings(ReceiveSettings, VerifySettings, DataSettings):
    """`dev`: the settings of `ingest` and `project` without Kafka.

    Without a database it is an embedded one. Without a key it is the development key.
    """

    database_url: str = secret("")
    telnyx_public_keys: str = Field("", validate_default=False)


def redacted(database_url: str) -> str:
    """Return host (or Unix socket), port and database of a URI, without user and password."""
    parts = urlsplit(database_url)
    host = parts.netloc.rpartition("@")[2] or parse_qs(parts.query).get("host", ["localhost"])[0]
    return f"{host}{parts.path}"
