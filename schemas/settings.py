"""Configuration that processes share. It comes from the environment only, and secrets are never printed.

A process composes its settings class from these and calls `load`, which reports every problem at once. A field has the
variable's name in lower case. A variable with an empty value counts as not set.
"""

import os
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import structlog
from pydantic import Field, FilePath, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from schemas.errors import Misconfigured
from schemas.known_names import unknown_names, unused_names
from schemas.reading.signing import Key, KeyRing, parse_keys

S = TypeVar("S", bound="Settings")

log = structlog.get_logger(__name__)


class Settings(BaseSettings):
    """Base of every settings class."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", hide_input_in_errors=True, frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- pydantic-settings passes all four
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the files that `…_FILE` variables name. No other source."""
        return init_settings, env_settings, SecretFiles(settings_cls)


class SecretFiles(PydanticBaseSettingsSource):
    """`NAME_FILE=/path` sets the secret NAME to the content of the file, without surrounding white space."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The content of the file, if the field is a secret and its `…_FILE` variable is set."""
        extra = field.json_schema_extra
        path = os.environ.get(f"{field_name.upper()}_FILE") if isinstance(extra, dict) and extra.get("secret") else None
        return (Path(path).read_text().strip() if path else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Every secret whose file is readable. `load` reports the others."""
        found = {}
        for name, field in self.settings_cls.model_fields.items():
            with suppress(OSError, UnicodeDecodeError):
                value, _, _ = self.get_field_value(field, name)
                if value is not None:
                    found[name] = value
        return found

    def problems(self) -> dict[str, str]:
        """By field, the reason why its file cannot be read."""
        found = {}
        for name, field in self.settings_cls.model_fields.items():
            try:
                self.get_field_value(field, name)
            except (OSError, UnicodeDecodeError) as error:
                found[name] = f"{name.upper()}_FILE: cannot be read: {getattr(error, 'strerror', None) or 'not text'}"
        return found


def secret(default: Any = ..., *, validate_default: bool = False) -> Any:
    """A field that no repr shows and that may come from a file."""
    return Field(default, repr=False, json_schema_extra={"secret": True}, validate_default=validate_default)


def load(settings: type[S], **given: Any) -> S:
    """Settings from the environment; `given` values win. Raises Misconfigured with one line per problem, by name."""
    problems, unknown = SecretFiles(settings).problems(), unknown_names(os.environ)
    try:
        loaded = settings(**given)
    except ValidationError as error:
        lines = [line for item in error.errors() if not problems.keys() & item["loc"] for line in _lines(item)]
        raise Misconfigured([*problems.values(), *lines, *unknown]) from None
    if problems or unknown:
        raise Misconfigured([*problems.values(), *unknown])
    return loaded


def log_unused_names(settings: Settings) -> None:
    """Warn of variables that a later version is going to read. To be called once the log is configured."""
    for name in unused_names(os.environ, type(settings).model_fields):
        log.warning("setting_not_used_yet", name=name)


def _lines(error: ErrorDetails) -> list[str]:
    name = str(error["loc"][0]).upper() if error["loc"] else "KAFKA_SSL"
    if error["type"] == "missing":
        return [f"{name}: not set, and it has no default"]
    lines = error["msg"].removeprefix("Value error, ").splitlines()
    return [line if line.startswith(name) else f"{name}: {line}" for line in lines]


class LogSettings(Settings):
    """The level of the log."""

    ledger_log_level: Literal["debug", "info", "warning", "error"] = "info"


class DatabaseSettings(Settings):
    """The database with the tables: any URI that asyncpg accepts."""

    database_url: str = secret()

    @field_validator("database_url")
    @classmethod
    def _is_a_uri(cls, value: str) -> str:
        if not value.startswith(("postgresql://", "postgres://")):
            raise ValueError("expected postgresql://user:password@host:port/database")
        return value


class KeySettings(Settings):
    """Telnyx's public keys, from the variable, from a file (one per line, `#` starts a comment), or from both."""

    telnyx_public_keys_file: Path | None = None
    telnyx_public_keys: str = Field("", validate_default=True)

    @field_validator("telnyx_public_keys_file")
    @classmethod
    def _file_is_readable(cls, path: Path | None) -> Path | None:
        try:
            _check_keys(_key_lines(path), "TELNYX_PUBLIC_KEYS_FILE")
        except Misconfigured as error:
            raise ValueError(str(error)) from None
        return path

    @field_validator("telnyx_public_keys")
    @classmethod
    def _keys_are_readable(cls, value: str, info: ValidationInfo) -> str:
        keys = _check_keys(value.split(","), "TELNYX_PUBLIC_KEYS")
        if not keys and info.data.get("telnyx_public_keys_file", ...) is None:
            raise ValueError("no key; copy the public key from the portal (Keys & Credentials, Public Key)")
        return value

    def key_ring(self) -> KeyRing:
        """The current keys. Reads the file again at every call. Raises Misconfigured, also if there is no key."""
        keys = parse_keys([*self.telnyx_public_keys.split(","), *_key_lines(self.telnyx_public_keys_file)])
        if not keys:
            raise Misconfigured(["TELNYX_PUBLIC_KEYS_FILE: there is no key in it"])
        return KeyRing(keys)


def reload_keys(settings: KeySettings, use: Callable[[KeyRing], None]) -> None:
    """Call `use` with the keys as they are in TELNYX_PUBLIC_KEYS_FILE now, or log why they cannot be used.

    The keys in use stay where the new ones cannot be used, or where `use` raises Misconfigured.
    """
    try:
        ring = settings.key_ring()
        use(ring)
    except Misconfigured as error:
        log.error("keys_not_reloaded", problems=error.problems)
        return
    log.info("keys_loaded", key_ids=sorted(ring.by_id))


def _key_lines(path: Path | None) -> list[str]:
    try:
        lines = path.read_text().splitlines() if path else []
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise Misconfigured([f"TELNYX_PUBLIC_KEYS_FILE: cannot be read: {reason}"]) from None
    return [line.split("#", 1)[0] for line in lines]


def _check_keys(items: Iterable[str], source: str) -> list[Key]:
    try:
        return parse_keys(items, source)
    except Misconfigured as error:
        raise ValueError(str(error)) from None


# Built once, because it takes 34 ms and a client is made every 2 s while Kafka is away. Renewed files make a new one.
@lru_cache(maxsize=4)
def _ssl_context(
    cafile: Path | None, certfile: Path | None, keyfile: Path | None, _changed: tuple[int, ...]
) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=cafile)
    if certfile:
        context.load_cert_chain(certfile, keyfile)
    return context


class KafkaSettings(Settings):
    """The connection to Kafka, and the names of the topics."""

    kafka_bootstrap_servers: str
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(None, validate_default=True)
    kafka_sasl_username: str | None = Field(None, validate_default=True)
    kafka_sasl_password: str | None = secret(None, validate_default=True)
    kafka_ssl_cafile: FilePath | None = None
    kafka_ssl_certfile: FilePath | None = None
    kafka_ssl_keyfile: FilePath | None = None
    ledger_topic_prefix: str = Field("telnyx", pattern=r"^[a-zA-Z0-9._-]{1,200}$")
    ledger_topic_replication: int = Field(3, ge=1, le=32767)

    @field_validator("kafka_bootstrap_servers")
    @classmethod
    def _are_addresses(cls, value: str) -> str:
        for address in value.split(","):
            host, _, port = address.strip().rpartition(":")
            if not host or not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
                raise ValueError(f"expected host:port[,host:port…] with ports of 1 to 65535, found {address.strip()!r}")
        return value

    @field_validator("kafka_sasl_mechanism", "kafka_sasl_username", "kafka_sasl_password")
    @classmethod
    def _sasl_is_whole(cls, value: str | None, info: ValidationInfo) -> str | None:
        protocol = info.data.get("kafka_security_protocol", "")
        if value is None and protocol.startswith("SASL"):
            raise ValueError(f"not set, and KAFKA_SECURITY_PROTOCOL={protocol} needs it")
        if value is not None and protocol in ("PLAINTEXT", "SSL"):
            raise ValueError(f"set, but not used: KAFKA_SECURITY_PROTOCOL is {protocol}; set SASL_SSL, or unset this")
        return value

    @field_validator("kafka_ssl_cafile", "kafka_ssl_certfile", "kafka_ssl_keyfile")
    @classmethod
    def _ssl_is_used(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        protocol = info.data.get("kafka_security_protocol", "")
        if value is not None and protocol in ("PLAINTEXT", "SASL_PLAINTEXT"):
            raise ValueError(f"set, but not used: KAFKA_SECURITY_PROTOCOL is {protocol}; set SSL or SASL_SSL")
        if info.field_name == "kafka_ssl_keyfile" and value is not None and info.data.get("kafka_ssl_certfile") is None:
            raise ValueError("set, but not used: KAFKA_SSL_CERTFILE is not set")
        return value

    @model_validator(mode="after")
    def _ssl_files_fit(self) -> "KafkaSettings":
        try:
            self._ssl_context()
        except (ssl.SSLError, OSError) as error:
            raise ValueError(f"KAFKA_SSL_CAFILE, KAFKA_SSL_CERTFILE, KAFKA_SSL_KEYFILE: not usable: {error}") from None
        return self

    def _ssl_context(self) -> ssl.SSLContext:
        files = (self.kafka_ssl_cafile, self.kafka_ssl_certfile, self.kafka_ssl_keyfile)
        return _ssl_context(*files, tuple(path.stat().st_mtime_ns if path else 0 for path in files))

    def client_options(self) -> dict[str, Any]:
        """The options of every aiokafka client: addresses, security, names."""
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
