"""Creates the topics, or names those that are missing or weaker than required.

Invariant: an acknowledgement is only as durable as the topic's settings, so they are checked before the first write. No
metadata request creates a topic: a broker with automatic creation would give it one partition and one replica.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from ingest.kafka.aiokafka_internals import described_topics
from schemas.errors import Unavailable
from schemas.kafka.topics import Topics, topic_settings
from schemas.settings import KafkaSettings

REQUEST_TIMEOUT_MS = 5_000
AT_LEAST = ("min.insync.replicas", "retention.ms", "max.message.bytes")
UNLIMITED_RETENTION = -1

# The errors of aiokafka's clients while Kafka is unavailable. uvloop raises RuntimeError for a write to a connection
# that has just closed, and aiokafka lets it through.
FAILURES = (KafkaError, OSError, RuntimeError)
SETTLE_SECONDS = 5.0


async def create_or_check(settings: KafkaSettings, *, create: bool, timeout_seconds: float = 15) -> list[str]:
    """A line for each topic or setting that is missing or too weak, with the expected value. Stronger is fine.

    With `create`, missing topics are created first. Raises Unavailable when Kafka does not answer in time.
    """
    topics, replication = Topics(settings.ledger_topic_prefix), settings.ledger_topic_replication
    try:
        async with asyncio.timeout(timeout_seconds):
            admin = AIOKafkaAdminClient(request_timeout_ms=REQUEST_TIMEOUT_MS, **settings.client_options())
            try:
                await admin.start()
                made, refused = await _create_missing(admin, topics, replication) if create else (set(), [])
                weak = await _settled(admin, topics, replication, made)
                return [*refused, *(f"topic {name}: {line}" for name, lines in weak.items() for line in lines)]
            finally:
                await admin.close()
    except FAILURES as error:  # a TimeoutError is an OSError
        reason = str(error) or type(error).__name__
        raise Unavailable(f"Kafka does not answer at {settings.kafka_bootstrap_servers}: {reason}") from None


async def _settled(
    admin: AIOKafkaAdminClient, topics: Topics, replication: int, made: set[str]
) -> dict[str, list[str]]:
    """The weaknesses by topic. Those of topics that were just `made` are asked for again, up to 5 s."""
    # Each request may go to another broker, and brokers learn of new topics at different times.
    until = asyncio.get_running_loop().time() + SETTLE_SECONDS
    while True:
        weak = await _weaknesses(admin, topics, replication)
        if made.isdisjoint(weak) or asyncio.get_running_loop().time() > until:
            return weak
        await asyncio.sleep(0.05)


async def _create_missing(admin: AIOKafkaAdminClient, topics: Topics, replication: int) -> tuple[set[str], list[str]]:
    """The topics that were created, and a line for each that could not be."""
    there = await _described(admin, topics)
    missing = [name for name in topics.all if name not in there]
    if not missing:
        return set(), []
    if (await admin.describe_cluster())["controller_id"] < 0:
        raise Unavailable("Kafka has no controller at the moment")
    wanted = [
        NewTopic(name, topics.partitions[name], replication, topic_configs=topic_settings(replication))
        for name in missing
    ]
    answer = await admin.create_topics(wanted)
    codes = {name: (for_code(code), message) for name, code, message in answer.topic_errors}
    refused = {name for name, (error, _) in codes.items() if error.errno not in (0, TopicAlreadyExistsError.errno)}
    why = [f"topic {name}: cannot be created: {codes[name][1] or codes[name][0].message}" for name in sorted(refused)]
    return set(missing) - refused, why


async def _described(admin: AIOKafkaAdminClient, topics: Topics) -> dict[str, Any]:
    """Those of our topics that exist, by name."""
    return {topic["topic"]: topic for topic in await described_topics(admin, topics.all) if topic["error_code"] == 0}


async def _weaknesses(admin: AIOKafkaAdminClient, topics: Topics, replication: int) -> dict[str, list[str]]:
    """The weaknesses by topic, for topics that have any."""
    there = await _described(admin, topics)
    expected = topic_settings(replication)
    actual = await _settings(admin, [name for name in topics.all if name in there], [*expected, "cleanup.policy"])
    found = {}
    for name in topics.all:
        if name not in there:
            found[name] = ["does not exist; `telnyx-ledger topics` creates it"]
        else:
            layout = _layout(there[name]["partitions"], topics.partitions[name], replication)
            found[name] = layout + settings_weaknesses(actual[name], expected)
    return {name: lines for name, lines in found.items() if lines}


async def _settings(
    admin: AIOKafkaAdminClient, names: list[str], keys: list[str]
) -> dict[str, Mapping[str, str] | None]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(keys)) for name in names]
    if not resources:
        return {}
    answers = await admin.describe_configs(resources)
    return {
        name: {key: value for key, value, *_ in entries} if code == 0 else None
        for answer in answers
        for code, _, _, name, entries in answer.resources
    }


def _layout(partitions: list[dict[str, Any]], wanted: int, replication: int) -> list[str]:
    found = []
    if len(partitions) < wanted:
        found.append(f"has {len(partitions)} partitions, expected at least {wanted}")
    replicas = min((len(partition["replicas"]) for partition in partitions), default=0)
    if replicas < replication:
        found.append(f"has {replicas} replicas, expected at least {replication} (LEDGER_TOPIC_REPLICATION)")
    return found


def settings_weaknesses(actual: Mapping[str, str] | None, expected: Mapping[str, str]) -> list[str]:
    """A line for each setting of a topic that is weaker than expected. `actual` is None where it cannot be read."""
    if actual is None:
        return ["its settings cannot be read (this login needs DescribeConfigs on it)"]
    found = []
    for key in AT_LEAST:
        if key not in actual:
            found.append(f"{key} is not reported by this broker, expected at least {expected[key]}")
        elif int(actual[key]) < int(expected[key]) and not (
            key == "retention.ms" and int(actual[key]) == UNLIMITED_RETENTION
        ):
            found.append(f"{key} is {actual[key]}, expected at least {expected[key]}")
    if actual.get("retention.bytes", "-1") != "-1":
        found.append(f"retention.bytes is {actual['retention.bytes']}, expected -1: Kafka would delete unread events")
    # Brokers that are compatible with Kafka need not have the next two settings, nor what they are about.
    if actual.get("unclean.leader.election.enable", "false") != "false":
        found.append("unclean.leader.election.enable is true, expected false: an election could lose records")
    if "compact" in actual.get("cleanup.policy", ""):
        found.append(f"cleanup.policy is {actual['cleanup.policy']}, expected delete: compaction would drop events")
    return found
