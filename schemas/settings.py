"""Pieces of configuration that processes share: the environment only, every problem at once, secrets never printed.

A process composes its own settings class from these and calls `load`. Field names are the variables' names in lower
case; a variable that is set to nothing counts as not set.
"""

import os
import ssl
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from schemas.errors import Misconfigured
from schemas.signing import Key, KeyRing, parse_keys

S = TypeVar("S", bound="Settings")


class Settings(BaseSettings):
    """Root of every settings class."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", hide_input_in_errors=True, frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the files that `…_FILE` names; nothing else."""
        return init_settings, env_settings, SecretFiles(settings_cls)


class SecretFiles(PydanticBaseSettingsSource):
    """`NAME_FILE=/path` gives the value of a secret NAME: the file's content, trimmed."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The content of the file that the variable names, where the field is a secret and the variable is set."""
        extra = field.json_schema_extra
        path = os.environ.get(f"{field_name.upper()}_FILE") if isinstance(extra, dict) and extra.get("secret") else None
        return (Path(path).read_text().strip() if path else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Every secret that comes from a file. Raises Misconfigured for the files that cannot be read."""
        found, problems = {}, []
        for name, field in self.settings_cls.model_fields.items():
            try:
                value, _, _ = self.get_field_value(field, name)
            except (OSError, UnicodeDecodeError) as error:
                problems.append(f"{name.upper()}_FILE: cannot be read: {getattr(error, 'strerror', None) or error}")
                continue
            if value is not None:
                found[name] = value
        if problems:
            raise Misconfigured(problems)
        return found


def secret(default: Any = ...) -> Any:
    """A field that is never shown in a repr and may come from a file."""
    return Field(default, repr=False, json_schema_extra={"secret": True})


def load(settings: type[S]) -> S:
    """Settings from the environment. Raises Misconfigured with every problem, one line each, by variable name."""
    try:
        return settings()
    except ValidationError as error:
        problems = [line for item in error.errors() for line in _lines(item["loc"], item["msg"], item["type"])]
        raise Misconfigured(problems) from None


def _lines(location: tuple[int | str, ...], message: str, kind: str) -> list[str]:
    message = message.removeprefix("Value error, ")
    if not location:  # a rule over several variables names them itself
        return message.splitlines()
    name = str(location[0]).upper()
    if kind == "missing":
        return [f"{name}: not set, and it has no default"]
    return [line if line.startswith(name) else f"{name}: {line}" for line in message.splitlines()]


class LogSettings(Settings):
    """How much is logged."""

    ledger_log_level: Literal["debug", "info", "warning", "error"] = "info"


class DatabaseSettings(Settings):
    """Where the tables are: any URI that asyncpg accepts."""

    database_url: str = secret()

    @field_validator("database_url")
    @classmethod
    def _is_a_uri(cls, value: str) -> str:
        if not value.startswith(("postgresql://", "postgres://")):
            raise ValueError("expected postgresql://user:password@host:port/database")
        return value


class KeySettings(Settings):
    """Telnyx's public keys, from the variable, from a file (one a line, `#` comments), or from both."""

    telnyx_public_keys: str = ""
    telnyx_public_keys_file: Path | None = None

    @model_validator(mode="after")
    def _keys_are_readable(self) -> "KeySettings":
        try:
            self.read_keys()
        except Misconfigured as error:
            raise ValueError(str(error)) from None
        return self

    def read_keys(self) -> list[Key]:
        """The keys as they are now; the file is read again at every call. Raises Misconfigured."""
        items = self.telnyx_public_keys.split(",")
        if self.telnyx_public_keys_file:
            try:
                lines = self.telnyx_public_keys_file.read_text().splitlines()
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "not text"
                raise Misconfigured([f"TELNYX_PUBLIC_KEYS_FILE: cannot be read: {reason}"]) from None
            items += [line.split("#", 1)[0] for line in lines]
        return parse_keys(items)

    def key_ring(self) -> KeyRing:
        """The ring of those keys. Raises Misconfigured where there is none."""
        keys = self.read_keys()
        if not keys:
            raise Misconfigured(
                ["TELNYX_PUBLIC_KEYS: no key; copy the public key from the portal (Keys & Credentials, Public Key)"]
            )
        return KeyRing(keys)


class KafkaSettings(Settings):
    """How Kafka is reached, and the names that are used there."""

    kafka_bootstrap_servers: str
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    kafka_sasl_username: str | None = None
    kafka_sasl_password: str | None = secret(None)
    kafka_ssl_cafile: Path | None = None
    kafka_ssl_certfile: Path | None = None
    kafka_ssl_keyfile: Path | None = None
    ledger_topic_prefix: str = Field("telnyx", pattern=r"^[a-zA-Z0-9._-]{1,200}$")
    ledger_topic_replication: int = Field(3, ge=1, le=32767)

    @field_validator("kafka_bootstrap_servers")
    @classmethod
    def _are_addresses(cls, value: str) -> str:
        for address in value.split(","):
            host, _, port = address.strip().rpartition(":")
            if not host or not port.isdigit():
                raise ValueError(f"expected host:port[,host:port…], found {address.strip()!r}")
        return value

    @model_validator(mode="after")
    def _security_is_whole(self) -> "KafkaSettings":
        problems = []
        if self.kafka_security_protocol.startswith("SASL"):
            names = ("kafka_sasl_mechanism", "kafka_sasl_username", "kafka_sasl_password")
            problems = [
                f"{name.upper()}: not set, and KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol} needs it"
                for name in names
                if getattr(self, name) is None
            ]
        if "SSL" in self.kafka_security_protocol.removeprefix("SASL_"):
            problems += self._ssl_problems()
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _ssl_problems(self) -> list[str]:
        files = ("kafka_ssl_cafile", "kafka_ssl_certfile", "kafka_ssl_keyfile")
        missing = [name for name in files if getattr(self, name) is not None and not getattr(self, name).is_file()]
        if missing:
            return [f"{name.upper()}: there is no such file" for name in missing]
        try:
            self._ssl_context()
        except (ssl.SSLError, OSError) as error:
            return [f"KAFKA_SSL_CAFILE, KAFKA_SSL_CERTFILE, KAFKA_SSL_KEYFILE: not usable: {error}"]
        return []

    def _ssl_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.kafka_ssl_cafile)
        if self.kafka_ssl_certfile:
            context.load_cert_chain(self.kafka_ssl_certfile, self.kafka_ssl_keyfile)
        return context

    def client_options(self) -> dict[str, Any]:
        """What every aiokafka client of ours is given: addresses, security, names."""
        options: dict[str, Any] = {
            "bootstrap_servers": [address.strip() for address in self.kafka_bootstrap_servers.split(",")],
            "security_protocol": self.kafka_security_protocol,
            "client_id": "telnyx-ledger",
        }
        if self.kafka_security_protocol.startswith("SASL"):
            options["sasl_mechanism"] = self.kafka_sasl_mechanism
            options["sasl_plain_username"] = self.kafka_sasl_username
            options["sasl_plain_password"] = self.kafka_sasl_password
        if self.kafka_security_protocol in ("SSL", "SASL_SSL"):
            options["ssl_context"] = self._ssl_context()
        return options
