"""Every metric of the projector. The names are a contract with dashboards and alerts.

Invariant: a label is a fixed word, a topic or a partition; never a phone number, an id or a value that a client sent.
"""

from collections.abc import Mapping
from functools import partial

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
        counter = partial(Counter, registry=registry)
        gauge = partial(Gauge, registry=registry)
        histogram = partial(Histogram, registry=registry)

        self.log_failures = counter("ledger_log_failures", "Log lines that could not be written.")

        # Batches: one transaction each
        self.batch_records = histogram("ledger_projector_batch_records", "Records in one batch.", buckets=BATCH_SIZES)
        self.batch_seconds = histogram(
            "ledger_projector_batch_seconds", "From records to commit.", buckets=BATCH_SECONDS
        )
        self.last_commit = gauge("ledger_projector_last_commit_timestamp_seconds", "Unix time of the last commit.")

        # Results of the records
        self.stored = counter("ledger_projector_events_stored", "Events that were new.")
        self.duplicates = counter("ledger_projector_events_duplicate", "Events that were stored already.")
        self.quarantined = counter("ledger_projector_quarantined", "Records parked in quarantine.", ["reason"])
        self.dead_letters = counter(
            "ledger_projector_dead_letters",
            "Events that a projection could not apply: see `dead-letters list`.",
            ["projection"],
        )
        self.live = gauge(
            "ledger_projection_live",
            "1 while a projection is applied, 0 while it is suspended or rebuilt: alert on it.",
            ["projection"],
        )

        # Partitions that this process owns
        self.lag = gauge("ledger_projector_lag_records", "Records that are not applied yet.", PARTITION)
        self.stopped = gauge(
            "ledger_projector_partition_stopped",
            "1 where the stored offset does not fit the log: alert on it, and see `project --accept-gap`.",
            PARTITION,
        )
        self.fenced = counter("ledger_projector_fenced", "Times that another process had moved a partition on.")

        # Outages
        away = gauge("ledger_projector_away", "1 while this part does not answer, else 0.", ["part"])
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
