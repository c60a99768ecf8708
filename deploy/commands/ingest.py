"""`ingest`: webhooks in, Kafka out."""

import uvloop

from deploy import logs
from ingest.lifespan import serve
from ingest.settings import IngestSettings
from schemas.settings import load


def run_ingest() -> None:
    """Until SIGTERM or SIGINT. Raises Misconfigured at the start only."""
    settings = load(IngestSettings)
    logs.configure(settings.ledger_log_level)
    uvloop.run(serve(settings))
