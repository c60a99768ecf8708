"""`ingest`: receives webhooks and publishes them to Kafka."""

import uvloop

from deploy import logs
from deploy.commands import command_app
from ingest.durable.kafka_first import KafkaFirst
from ingest.durable.spool import Spool
from ingest.kafka.publisher import Publisher
from ingest.metrics import IngestMetrics
from ingest.server import serve
from ingest.settings import IngestSettings
from schemas.kafka.topics import Topics
from schemas.settings import load, log_unused_names
from schemas.sql.migrate import require_current_at

app = command_app()


@app.command()
def ingest() -> None:
    """Receive webhooks and publish them to Kafka.

    While Kafka is unavailable, they wait in the spool on disk.
    """
    settings, metrics = load(IngestSettings), IngestMetrics()
    logs.configure(settings.ledger_log_level, on_failure=metrics.log_failures.inc)
    log_unused_names(settings)
    uvloop.run(_serve(settings, metrics))


async def _serve(settings: IngestSettings, metrics: IngestMetrics) -> None:
    await require_current_at(settings.database_url)
    spool = Spool(settings.ledger_spool_dir, settings.ledger_spool_max_bytes, metrics)
    durable = KafkaFirst(spool, Publisher(settings, metrics), metrics)
    await serve(settings, durable=durable, topics=Topics(settings.ledger_topic_prefix), metrics=metrics)
