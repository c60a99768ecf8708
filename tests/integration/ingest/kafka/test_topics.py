"""`topics` creates missing topics, and every weakness of a topic is named."""

import socket
import uuid
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.new_partitions import NewPartitions

from deploy.embedded.ports import free_ports
from deploy.local_kafka.broker import LocalKafka
from ingest.durable.kafka_first import KafkaFirst
from ingest.durable.spool import Spool
from ingest.kafka import topic_check
from ingest.kafka.publisher import Publisher
from ingest.kafka.topic_check import create_or_check, settings_weaknesses
from ingest.metrics import IngestMetrics
from schemas.errors import Misconfigured, Unavailable
from schemas.kafka.topics import Topics, topic_settings
from schemas.settings import KafkaSettings
from tests.support.environment.kafka import admin, check, delete_topics, settings_for
from tests.support.environment.waiting import eventually


async def test_missing_topics_are_reported_and_not_created(broker: LocalKafka) -> None:
    settings = settings_for(broker, f"test-{uuid.uuid4().hex}")
    topics = Topics(settings.ledger_topic_prefix)
    findings = await create_or_check(settings, create=False)
    assert [line.split(": ")[0] for line in findings] == [f"topic {name}" for name in topics.all]
    assert await create_or_check(settings, create=False) == findings


async def test_created_topics_match_the_contract_and_a_second_run_changes_nothing(broker: LocalKafka) -> None:
    settings = settings_for(broker, f"test-{uuid.uuid4().hex}")
    topics = Topics(settings.ledger_topic_prefix)
    assert await create_or_check(settings, create=True) == []
    assert await create_or_check(settings, create=True) == []
    async with admin(broker.bootstrap) as client:
        made = {topic["topic"]: len(topic["partitions"]) for topic in await client.describe_topics()}
        assert {name: made[name] for name in topics.all} == {
            topics.messages: 12,
            topics.ten_dlc: 3,
            topics.other: 3,
            topics.quarantine: 1,
        }
    await delete_topics(broker.bootstrap, topics.all)


async def test_a_broker_without_a_new_topic_is_asked_again(broker: LocalKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_for(broker, f"test-{uuid.uuid4().hex}")
    topics = Topics(settings.ledger_topic_prefix)
    described, asked = topic_check._described, []

    async def late(client: AIOKafkaAdminClient, topics: Topics) -> dict[str, Any]:
        asked.append(client)
        return await described(client, topics) if len(asked) > 3 else {}

    monkeypatch.setattr(topic_check, "_described", late)
    assert await create_or_check(settings, create=True) == []
    assert len(asked) > 3
    await delete_topics(broker.bootstrap, topics.all)


async def test_a_replication_beyond_the_cluster_is_reported(broker: LocalKafka) -> None:
    prefix = f"test-{uuid.uuid4().hex}"
    asked = settings_for(broker, prefix).model_copy(update={"ledger_topic_replication": 3})
    findings = await create_or_check(asked, create=True)
    assert any(line.startswith(f"topic {prefix}.messages: cannot be created: ") for line in findings)


async def test_every_weakness_of_a_topic_is_found(broker: LocalKafka, kafka_settings: KafkaSettings) -> None:
    topics = Topics(kafka_settings.ledger_topic_prefix)
    weaker = {
        "retention.ms": "3600000",
        "retention.bytes": "100000",
        "max.message.bytes": "1000000",
        "unclean.leader.election.enable": "true",
        "cleanup.policy": "compact",
    }
    async with admin(broker.bootstrap) as client:
        await alter(client, topics.messages, topic_settings(1) | weaker)
        await alter(client, topics.other, topic_settings(1) | {"retention.ms": "-1", "max.message.bytes": "9000000"})
        await client.create_partitions({topics.ten_dlc: NewPartitions(4)})
    findings = await eventually(lambda: create_or_check(kafka_settings, create=False), lambda seen: len(seen) == 5)
    assert all(line.startswith(f"topic {topics.messages}: ") for line in findings)
    assert {line.split()[2] for line in findings} == set(weaker)
    three = kafka_settings.model_copy(update={"ledger_topic_replication": 3})
    findings = await create_or_check(three, create=False)
    assert f"topic {topics.other}: has 1 replicas, expected at least 3 (LEDGER_TOPIC_REPLICATION)" in findings
    assert f"topic {topics.other}: min.insync.replicas is 1, expected at least 2" in findings


async def alter(client: AIOKafkaAdminClient, topic: str, settings: dict[str, str]) -> None:
    await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, settings)])


def test_settings_that_cannot_be_read_are_a_weakness() -> None:
    assert settings_weaknesses(None, topic_settings(3)) == [
        "its settings cannot be read (this login needs DescribeConfigs on it)"
    ]


def test_a_broker_that_does_not_report_a_setting_is_judged_by_what_it_reports() -> None:
    reported = {name: value for name, value in topic_settings(3).items() if name != "unclean.leader.election.enable"}
    assert settings_weaknesses(reported, topic_settings(3)) == []
    del reported["max.message.bytes"]
    assert settings_weaknesses(reported, topic_settings(3)) == [
        "max.message.bytes is not reported by this broker, expected at least 2097152"
    ]


async def test_too_few_partitions_are_found(broker: LocalKafka) -> None:
    prefix = f"test-{uuid.uuid4().hex}"
    topics = Topics(prefix)
    async with admin(broker.bootstrap) as client:
        check(
            (await client.create_topics([NewTopic(topics.other, 1, 1, topic_configs=topic_settings(1))])).topic_errors
        )
    findings = await create_or_check(settings_for(broker, prefix), create=True)
    assert findings == [f"topic {topics.other}: has 1 partitions, expected at least 3"]
    await delete_topics(broker.bootstrap, topics.all)


def unreachable() -> KafkaSettings:
    [port] = free_ports(1)
    return KafkaSettings.model_validate({"kafka_bootstrap_servers": f"127.0.0.1:{port}"})


async def test_an_unreachable_kafka_is_unavailable() -> None:
    with pytest.raises(Unavailable, match=r"Kafka does not answer at 127\.0\.0\.1:"):
        await create_or_check(unreachable(), create=True)


async def test_a_silent_kafka_is_unavailable_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = KafkaSettings.model_validate({"kafka_bootstrap_servers": f"127.0.0.1:{silent.getsockname()[1]}"})
        with pytest.raises(Unavailable):
            await create_or_check(settings, create=False, timeout_seconds=0.5)


async def test_a_start_without_topics_fails_and_unlocks_the_spool(broker: LocalKafka, tmp_path: Path) -> None:
    settings, metrics = settings_for(broker, f"test-{uuid.uuid4().hex}"), IngestMetrics()
    for _ in range(2):
        spool = Spool(tmp_path, 1 << 30, metrics)
        with pytest.raises(Misconfigured) as refused:
            await KafkaFirst(spool, Publisher(settings, metrics), metrics).start()
        assert len(refused.value.problems) == 4
