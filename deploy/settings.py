"""Settings of the commands that only the command line knows; `ingest` and `project` have their own."""

from pathlib import Path

from pydantic import Field, field_validator

from schemas.settings import DatabaseSettings, KafkaSettings, LogSettings, Settings


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


class SqlSettings(DataSettings):
    """`sql`: DATABASE_URL, or the embedded Postgres that `dev` is running."""

    database_url: str | None = Field(None, repr=False, json_schema_extra={"secret": True})
