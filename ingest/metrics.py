"""Every metric of ingest. The names are a contract with dashboards and alerts.

Invariant: labels are words of this module, resolved once at start, and never a number, an id or text of a sender.
"""

from bisect import bisect_left
from collections.abc import Iterable
from functools import partial
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from schemas.reading.key_ends import STATES

# How a request to the webhook path ended: a status word of the contract, a reason of a 403, or another error.
OUTCOMES = (
    "accepted",
    "duplicate",
    "quarantined",
    "missing_header",
    "malformed_header",
    "no_matching_key",
    "stale_timestamp",
    "future_timestamp",
    "body_too_large",
    "body_timeout",
    "content_encoding",
    "not_found",
    "method_not_allowed",
    "unavailable",
    "disconnected",  # the client closed the connection before its body was complete
)
# The HTTP limits that close a connection before the application sees a request.
LIMITS = ("headers_too_large", "bad_request", "header_timeout", "buffers_full")
# The result of a look-up in the event store. `away`: it was not asked, or did not answer within the budget.
LOOK_UPS = ("stored", "new", "away")
# How a publish to Kafka ended: success, and the three classes of error of
# docs/decisions/0005-our-own-produce-requests.md.
PUBLISHES = ("acknowledged", "refused", "away", "broken")

ANSWER_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0)
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Answers(Collector):
    """How requests to the webhook path ended, and how long they took."""

    # Plain numbers: the locks and checks of prometheus_client's metrics cost 3 % of a webhook.

    def __init__(self) -> None:
        self._ended = dict.fromkeys(OUTCOMES, 0)
        self._within = [0] * (len(ANSWER_SECONDS) + 1)
        self._seconds = 0.0

    def count(self, outcome: str, seconds: float | None) -> None:
        """Count a request that ended. `seconds` is None if it got no answer."""
        self._ended[outcome] += 1
        if seconds is not None:
            self._within[bisect_left(ANSWER_SECONDS, seconds)] += 1
            self._seconds += seconds

    def collect(self) -> Iterable[Metric]:
        ended = CounterMetricFamily("ledger_webhooks", "Requests to the webhook path, by outcome.", None, ["outcome"])
        for outcome, count in self._ended.items():
            ended.add_metric([outcome], count)
        bounds = [*(str(bound) for bound in ANSWER_SECONDS), "+Inf"]
        buckets = list(zip(bounds, accumulate(self._within), strict=True))
        return ended, HistogramMetricFamily(
            "ledger_webhook_seconds", "From the end of the headers to the answer.", buckets, self._seconds
        )


class IngestMetrics:
    """The metrics of one process, in a separate registry."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        counter = partial(Counter, registry=registry)
        gauge = partial(Gauge, registry=registry)
        histogram = partial(Histogram, registry=registry)

        self.log_failures = counter("ledger_log_failures", "Log lines that could not be written.")

        # HTTP
        self.answers = Answers()
        registry.register(self.answers)
        limits = counter("ledger_http_refused", "Connections closed by an HTTP limit.", ["limit"])
        self.limited = {limit: limits.labels(limit) for limit in LIMITS}
        self.buffered_bytes = gauge("ledger_http_buffered_bytes", "Bodies in memory, over all connections.")
        self.connections = gauge("ledger_http_connections", "Open connections.")
        self.ready = gauge("ledger_ready", "1 while Kafka or the spool can take an event, else 0.")

        # Keys
        keys = Gauge("ledger_keys", "Keys of the ring, by whether they are in force now.", ["state"], registry=registry)
        self.keys = {state: keys.labels(state) for state in STATES}
        self.next_key_end = Gauge(
            "ledger_key_end_timestamp_seconds",
            "Unix time at which the next key of the ring ends; 0: none does.",
            registry=registry,
        )

        # Dedupe
        look_ups = counter("ledger_store_look_ups", "Events looked up in the event store.", ["result"])
        self.looked_up = {result: look_ups.labels(result) for result in LOOK_UPS}
        self.look_up_batch = histogram(
            "ledger_store_look_up_batch", "Events in one look-up query.", buckets=BATCH_SIZES
        )
        self.store_away = gauge("ledger_store_away", "1 while the event store is unavailable, else 0.")

        # Kafka
        publishes = counter("ledger_kafka_records", "Records sent to Kafka, by result.", ["result"])
        self.published = {result: publishes.labels(result) for result in PUBLISHES}
        self.publish_batch = histogram("ledger_kafka_batch", "Records in one partition batch.", buckets=BATCH_SIZES)
        self.kafka_away = gauge("ledger_kafka_away", "1 while the sink (Kafka) is unavailable, else 0.")
        self.producer_rebuilds = counter(
            "ledger_kafka_producer_rebuilds", "Producers closed as broken and built again."
        )
        self._add_spool(counter, gauge)

    def _add_spool(self, counter: "partial[Counter]", gauge: "partial[Gauge]") -> None:
        self.spooled = counter("ledger_spool_written", "Records made durable in the spool.")
        self.drained = counter("ledger_spool_drained", "Records delivered from the spool to the sink.")
        self.spool_entries = gauge("ledger_spool_entries", "Records waiting in the spool.")
        self.spool_bytes = gauge("ledger_spool_bytes", "Bytes of the spool, refused and damaged entries included.")
        self.spool_limit = gauge("ledger_spool_limit_bytes", "LEDGER_SPOOL_MAX_BYTES.")
        self.spool_oldest = gauge(
            "ledger_spool_oldest_seconds", "Since the oldest waiting record was received; 0 without one."
        )
        self.spool_malformed = gauge(
            "ledger_spool_malformed_files", "Malformed files beside the spool when it was opened."
        )
        self.spool_damaged_entries = gauge("ledger_spool_damaged_entries", "Damaged rows that are kept in the spool.")
        self.spool_refused = gauge(
            "ledger_spool_refused_entries", "Records that the sink rejected when they were last offered."
        )
        self.spool_damaged = counter("ledger_spool_damaged", "Rows with a wrong checksum, moved aside.")
        self.spool_failures = counter("ledger_spool_failures", "Writes that the spool could not make durable.")
