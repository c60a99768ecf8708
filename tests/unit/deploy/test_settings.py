"""A setting that would not be used, or cannot work, is a problem at the start."""

import os
import ssl
from pathlib import Path
from typing import Any

import pytest

from deploy.settings import DevSettings, TopicsSettings
from ingest.settings import IngestSettings, ReceiveSettings
from schemas.errors import Misconfigured
from schemas.known_names import PLANNED, PREFIXES, USED, unknown_names, unused_names
from schemas.settings import Settings, load
from tests.support.webhooks.builders import public_key_setting

KAFKA = {"KAFKA_BOOTSTRAP_SERVERS": "kafka:9092"}
LOGIN = {"KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_USERNAME": "u", "KAFKA_SASL_PASSWORD": "secret"}
RECEIVE = {"TELNYX_PUBLIC_KEYS": public_key_setting(), "DATABASE_URL": "postgresql://localhost/x"}


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(PREFIXES) or name == "DATABASE_URL":
            monkeypatch.delenv(name)


def problems(kind: type[Settings], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    try:
        load(kind)
    except Misconfigured as error:
        return error.problems
    return []


@pytest.mark.parametrize("protocol", [None, "PLAINTEXT", "SSL"])
def test_a_login_that_would_not_be_used_is_a_problem(protocol: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"KAFKA_SECURITY_PROTOCOL": protocol} if protocol else {}
    found = problems(TopicsSettings, KAFKA | LOGIN | given, monkeypatch)
    assert {line.split(":")[0] for line in found} == set(LOGIN)
    assert "secret" not in "".join(found)


@pytest.mark.parametrize("name", ["KAFKA_SSL_CAFILE", "KAFKA_SSL_CERTFILE", "KAFKA_SSL_KEYFILE"])
def test_a_certificate_that_would_not_be_used_is_a_problem(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    for protocol in ({}, {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"} | LOGIN):
        [problem] = problems(TopicsSettings, KAFKA | protocol | {name: str(tmp_path / "file")}, monkeypatch)
        assert problem.startswith(f"{name}: set, but not used: KAFKA_SECURITY_PROTOCOL is ")


def test_a_key_without_its_certificate_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("")
    given = {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_KEYFILE": str(tmp_path / "key")}
    assert problems(TopicsSettings, KAFKA | given, monkeypatch) == [
        "KAFKA_SSL_KEYFILE: set, but not used: KAFKA_SSL_CERTFILE is not set"
    ]


def test_a_login_that_is_used_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems(TopicsSettings, KAFKA | LOGIN | {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, monkeypatch) == []


@pytest.mark.parametrize("port", ["0", "65536", "99999", "²"])
def test_a_port_that_does_not_exist_is_a_problem(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    [problem] = problems(TopicsSettings, {"KAFKA_BOOTSTRAP_SERVERS": f"one:9092,two:{port}"}, monkeypatch)
    assert problem.startswith("KAFKA_BOOTSTRAP_SERVERS: expected host:port")


def test_equal_ports_are_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    given = RECEIVE | {"LEDGER_PORT": "9000", "LEDGER_ADMIN_PORT": "9000"}
    [problem] = problems(ReceiveSettings, given, monkeypatch)
    assert problem.startswith("LEDGER_ADMIN_PORT: 9000 is LEDGER_PORT too")
    assert problems(ReceiveSettings, given | {"LEDGER_PORT": "0", "LEDGER_ADMIN_PORT": "0"}, monkeypatch) == []


def test_a_spool_smaller_than_a_body_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    given = RECEIVE | {"LEDGER_SPOOL_MAX_BYTES": str(1024**2), "LEDGER_MAX_BODY_BYTES": str(1024**2)}
    [problem] = problems(ReceiveSettings, given, monkeypatch)
    assert problem == (
        "LEDGER_MAX_BODY_BYTES: 1048576 does not fit the spool; set LEDGER_SPOOL_MAX_BYTES to 1064960 or more"
    )


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("LEDGER_SPOOLDIR", "did you mean LEDGER_SPOOL_DIR?"),
        ("LEDGER_ADMIN_PROT", "did you mean LEDGER_ADMIN_PORT?"),
        ("LEDGER_PROJECTOR_PORTS", "did you mean LEDGER_PROJECTOR_PORT?"),
        ("KAFKA_SASL_PASSWORT", "did you mean KAFKA_SASL_PASSWORD?"),
        ("TELNYX_PUBLIC_KEY", "did you mean TELNYX_PUBLIC_KEYS?"),
        ("LEDGER_PORT_FILE", "did you mean LEDGER_PORT?"),
        ("KAFKA_ADVERTISED_LISTENERS", "docs/configuration.md lists the names; unset it"),
    ],
)
def test_an_unknown_name_is_a_problem_with_the_nearest_one(
    name: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert problems(TopicsSettings, KAFKA | {name: "x"}, monkeypatch) == [f"{name}: unknown; {remedy}"]


def test_every_problem_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"LEDGER_SPOLDIR": "x", "LEDGER_TOPIC_REPLICATION": "0"}
    found = problems(IngestSettings, given, monkeypatch)
    assert {line.split(":")[0] for line in found} >= {"LEDGER_SPOLDIR", "LEDGER_TOPIC_REPLICATION", "DATABASE_URL"}


def test_what_kubernetes_and_other_programs_set_is_no_problem() -> None:
    services = {
        f"{name}_{variable}": value
        for name in ("KAFKA", "LEDGER", "TELNYX_LEDGER")
        for variable, value in {
            "SERVICE_HOST": "10.0.0.1",
            "SERVICE_PORT": "9092",
            "SERVICE_PORT_HTTP": "9092",
            "PORT": "tcp://10.0.0.1:9092",
            "PORT_9092_TCP": "tcp://10.0.0.1:9092",
            "PORT_9092_TCP_PROTO": "tcp",
            "PORT_9092_TCP_PORT": "9092",
            "PORT_9092_TCP_ADDR": "10.0.0.1",
        }.items()
    }
    others = {"KAFKA_HEAP_OPTS": "-Xmx1g", "TELNYX_API_KEY": "KEY", "LEDGER_EMPTY": "", "PATH": "/bin"}
    assert unknown_names(services | others) == []


def test_a_name_for_a_later_version_is_a_warning() -> None:
    planned = {"LEDGER_CONSOLE_PORT": "1", "LEDGER_ATTESTOR_KEYS_FILE": "x", "LAKE_URL": "x", "TELNYX_API_KEYS": "x"}
    assert unknown_names(planned) == []
    assert unused_names(planned, DevSettings.model_fields) == sorted(planned)
    assert unused_names(planned, ["telnyx_api_keys", "lake_url"]) == [
        "LEDGER_ATTESTOR_KEYS_FILE",
        "LEDGER_CONSOLE_PORT",
    ]


def _classes(base: type[Any]) -> set[type[Any]]:
    return {base}.union(*(_classes(kind) for kind in base.__subclasses__()))


def test_every_setting_has_a_known_name() -> None:
    """And every known name is a setting: of this version, or planned."""
    fields = {
        name.upper() + suffix
        for kind in _classes(Settings)
        for name, field in kind.model_fields.items()
        for suffix in ("", *(["_FILE"] if isinstance(field.json_schema_extra, dict) else []))
    }
    ours = {name for name in fields if name.startswith(PREFIXES)}
    assert ours <= USED | PLANNED
    assert ours >= USED


def test_every_known_name_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text()
    assert [name for name in sorted(USED) if f"`{name}`" not in page] == []


def test_the_context_of_tls_is_built_once_and_again_for_renewed_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[object] = []
    create = ssl.create_default_context

    def counted(**_: object) -> ssl.SSLContext:
        built.append(1)
        return create()

    monkeypatch.setattr(ssl, "create_default_context", counted)
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "kafka:9093")
    monkeypatch.setenv("KAFKA_SSL_CAFILE", str(tmp_path / "ca"))
    (tmp_path / "ca").write_text("")
    settings = load(TopicsSettings)
    contexts = [settings.client_options()["ssl_context"] for _ in range(3)]
    assert len(set(map(id, contexts))) == len(built) == 1
    os.utime(tmp_path / "ca", ns=(1, 1))
    assert settings.client_options()["ssl_context"] is not contexts[0]
