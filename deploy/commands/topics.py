"""`topics`: the four topics as the contract has them, or what is missing and weaker."""

import asyncio
import json

from deploy import logs
from deploy.settings import TopicsSettings
from ingest.kafka.topic_check import create_or_check
from schemas.errors import LedgerError
from schemas.kafka.topics import Topics
from schemas.settings import load


def run_topics(*, as_json: bool) -> None:
    """Prints the topics. Raises LedgerError with every weakness, one a line; Unavailable when Kafka does not answer."""
    settings = load(TopicsSettings)
    logs.configure(settings.ledger_log_level)
    problems = asyncio.run(create_or_check(settings, create=True))
    topics = Topics(settings.ledger_topic_prefix)
    if as_json:
        print(json.dumps({"topics": topics.partitions, "problems": problems}))
    if problems:
        raise LedgerError("\n".join(problems))
    if not as_json:
        for name, partitions in topics.partitions.items():
            print(f"{name}: {partitions} partitions, replication {settings.ledger_topic_replication} or more")
        print("next: `telnyx-ledger ingest` and `telnyx-ledger project`")
