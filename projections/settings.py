"""The settings of `project`, from its environment."""

from typing import Literal

from pydantic import Field

from schemas.settings import DatabaseSettings, KafkaSettings, KeySettings, LogSettings, Settings


class VerifySettings(Settings):
    """Whether the projector verifies signatures a second time; used in both modes."""

    ledger_project_verify: Literal["all", "off"] = "all"


class ProjectSettings(VerifySettings, KeySettings, DatabaseSettings, KafkaSettings, LogSettings):
    """The projector as a separate process. Processes of one consumer group share the partitions."""

    ledger_consumer_group: str = Field("telnyx-ledger", min_length=1, max_length=249)
    ledger_projector_port: int = Field(8081, ge=0, le=65535)
