"""The environment variables of telnyx-ledger, by name: a misspelt one is found at the start.

Invariant: every variable of docs/configuration.md is here, also those that another command or a later version reads.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

PREFIXES = ("LEDGER_", "KAFKA_", "TELNYX_")

USED = frozenset(
    [
        "TELNYX_PUBLIC_KEYS",
        "TELNYX_PUBLIC_KEYS_FILE",
        "KAFKA_BOOTSTRAP_SERVERS",
        "KAFKA_SECURITY_PROTOCOL",
        "KAFKA_SASL_MECHANISM",
        "KAFKA_SASL_USERNAME",
        "KAFKA_SASL_PASSWORD",
        "KAFKA_SASL_PASSWORD_FILE",
        "KAFKA_SSL_CAFILE",
        "KAFKA_SSL_CERTFILE",
        "KAFKA_SSL_KEYFILE",
        "LEDGER_HOST",
        "LEDGER_PORT",
        "LEDGER_ADMIN_PORT",
        "LEDGER_PROJECTOR_PORT",
        "LEDGER_TOPIC_PREFIX",
        "LEDGER_TOPIC_REPLICATION",
        "LEDGER_CONSUMER_GROUP",
        "LEDGER_SPOOL_DIR",
        "LEDGER_SPOOL_MAX_BYTES",
        "LEDGER_MAX_BODY_BYTES",
        "LEDGER_TIMESTAMP_TOLERANCE_SECONDS",
        "LEDGER_PROJECT_VERIFY",
        "LEDGER_DATA_DIR",
        "LEDGER_LOG_LEVEL",
    ]
)
# Reserved for versions to come. One of them is a warning, never a problem: a configuration may be ahead of a version.
PLANNED = frozenset(
    [
        "LEDGER_MAX_CONNECTIONS",
        "LEDGER_ATTESTOR_KEYS",
        "LEDGER_ATTESTOR_KEYS_FILE",
        "LEDGER_KEYWORDS_FILE",
        "TELNYX_API_KEYS",
        "TELNYX_API_KEYS_FILE",
    ]
)
PLANNED_PREFIXES = ("LEDGER_CONSOLE_", "LEDGER_NOTIFY_", "LEDGER_MEDIA_", "LAKE_")
# Read by Telnyx's SDKs and by Kafka's own programs. They are often set where those are installed.
OF_OTHERS = frozenset(
    [
        "TELNYX_API_KEY",
        "KAFKA_HOME",
        "KAFKA_OPTS",
        "KAFKA_HEAP_OPTS",
        "KAFKA_JMX_OPTS",
        "KAFKA_JVM_PERFORMANCE_OPTS",
        "KAFKA_GC_LOG_OPTS",
        "KAFKA_LOG4J_OPTS",
        "KAFKA_DEBUG",
        "KAFKA_VERSION",
    ]
)
# Kubernetes sets these for every service of a namespace, such as one that is named `kafka` or `telnyx-ledger`:
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_SERVICE = re.compile(r".*_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")
_SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://.*")


def unknown_names(environment: Mapping[str, str]) -> list[str]:
    """A line for each variable that has a prefix of ours and that no version reads."""
    return [f"{name}: unknown; {_remedy(name)}" for name in _ours(environment) if not _is_known(name)]


def unused_names(environment: Mapping[str, str], fields: Iterable[str]) -> list[str]:
    """The variables that this version does not use yet. `fields` are those of the settings that it has loaded."""
    used = {field.upper() for field in fields}
    return sorted(
        name
        for name, value in environment.items()
        if value and (name in PLANNED - used or name.startswith(PLANNED_PREFIXES)) and name not in used
    )


def _ours(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in sorted(environment.items()):
        is_service = _SERVICE.fullmatch(name) or (name.endswith("_PORT") and _SERVICE_ADDRESS.fullmatch(value))
        if name.upper().startswith(PREFIXES) and value and not is_service and name not in OF_OTHERS:
            yield name


def _is_known(name: str) -> bool:
    return name.upper() in USED | PLANNED or name.startswith(PLANNED_PREFIXES)


def _remedy(name: str) -> str:
    nearest = get_close_matches(name.upper(), USED | PLANNED, n=1, cutoff=0.75)
    return f"did you mean {nearest[0]}?" if nearest else "docs/configuration.md lists the names; unset it"
