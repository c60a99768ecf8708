"""`topics`: creates the four topics, or names every setting of an existing one that is weaker than required."""

import asyncio
import json

from deploy.commands import AsJson, command_app, load_and_log
from deploy.settings import TopicsSettings
from ingest.kafka.topic_check import create_or_check
from schemas.errors import LedgerError
from schemas.kafka.topics import Topics

app = command_app()


@app.command()
def topics(*, as_json: AsJson = False) -> None:
    """Create the Kafka topics, or check existing ones.

    Exit status 1 if a topic is weaker than required.
    """
    settings = load_and_log(TopicsSettings)
    problems = asyncio.run(create_or_check(settings, create=True))
    required = Topics(settings.ledger_topic_prefix).partitions
    if as_json:
        print(json.dumps({"topics": required, "problems": problems}))
    if problems:
        raise LedgerError("\n".join(problems))
    if not as_json:
        for name, partitions in required.items():
            print(f"{name}: {partitions} partitions, replication {settings.ledger_topic_replication} or more")
        print("next: `telnyx-ledger ingest` and `telnyx-ledger project`")
