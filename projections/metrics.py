"""Every metric of the projector. The names are a contract with dashboards and alerts.

Invariant: a label is a fixed word, a topic or a partition; never a phone number, an id or a value that a client sent.
"""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 500)
BATCH_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
# The parts that the projector needs.
PARTS = ("postgres", "kafka")
PARTITION = ["topic", "partition"]


class ProjectorMetrics:
    """The metrics of one process, in a separate registry."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)

        self.log_failures = Counter("ledger_log_failures", "Log lines that could not be written.", registry=registry)

        # Batches: one transaction each
        self.batch_records = Histogram(
            "ledger_projector_batch_records", "Records in one batch.", buckets=BATCH_SIZES, registry=registry
        )
        self.batch_seconds = Histogram(
            "ledger_projector_batch_seconds", "From records to commit.", buckets=BATCH_SECONDS, registry=registry
        )
        self.last_commit = Gauge(
            "ledger_projector_last_commit_timestamp_seconds", "Unix time of the last commit.", registry=registry
        )

        # Results of the records
        self.stored = Counter("ledger_projector_events_stored", "Events that were new.", registry=registry)
        self.duplicates = Counter(
            "ledger_projector_events_duplicate", "Events that were stored already.", registry=registry
        )
        self.quarantined = Counter(
            "ledger_projector_quarantined", "Records parked in quarantine.", ["reason"], registry=registry
        )
        self.dead_letters = Counter(
            "ledger_projector_dead_letters",
            "Events that a projection could not apply: see `dead-letters list`.",
            ["projection"],
            registry=registry,
        )
        self.live = Gauge(
            "ledger_projection_live",
            "1 while a projection is applied, 0 while it is suspended or rebuilt: alert on it.",
            ["projection"],
            registry=registry,
        )

        # Partitions that this process owns
        self.lag = Gauge(
            "ledger_projector_lag_records", "Records that are not applied yet.", PARTITION, registry=registry
        )
        self.stopped = Gauge(
            "ledger_projector_partition_stopped",
            "1 where the stored offset does not fit the log: alert on it, and see `project --accept-gap`.",
            PARTITION,
            registry=registry,
        )
        self.fenced = Counter(
            "ledger_projector_fenced", "Times that another process had moved a partition on.", registry=registry
        )

        # Outages
        away = Gauge("ledger_projector_away", "1 while this part does not answer, else 0.", ["part"], registry=registry)
        self.unavailable = {part: away.labels(part) for part in PARTS}

    def applied(
        self,
        records: int,
        seconds: float,
        *,
        stored: int,
        duplicates: int,
        parked: Mapping[str, int],
        dead_letters: Mapping[str, int],
    ) -> None:
        """Count a batch that was committed."""
        self.batch_records.observe(records)
        self.batch_seconds.observe(seconds)
        self.last_commit.set_to_current_time()
        self.stored.inc(stored)
        self.duplicates.inc(duplicates)
        for reason, count in parked.items():
            self.quarantined.labels(reason).inc(count)
        for projection, count in dead_letters.items():
            self.dead_letters.labels(projection).inc(count)

    def forget_partitions(self) -> None:
        """Forget the partitions of an assignment that is over: their next owner reports them."""
        self.lag.clear()
        self.stopped.clear()
