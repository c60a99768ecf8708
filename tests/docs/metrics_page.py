"""Writes docs/metrics.md from the definitions of the metrics (`make metrics`)."""

from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from ingest.metrics import IngestMetrics
from projections.metrics import ProjectorMetrics

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"

HEAD = """# Metrics

This page is generated from the definitions of the metrics: `make metrics` writes it, and a test fails while it is
stale. Which to alert on: [operations](operations.md#alerts). `ingest` serves its metrics on `LEDGER_PORT`, or on
`LEDGER_ADMIN_PORT` if that is set, `project` on `LEDGER_PROJECTOR_PORT`. `dev` serves those of `ingest`. Labels never
hold a number, an id or a value that a sender chose. A histogram has the usual `_bucket`, `_sum` and `_count`.
"""


def page() -> str:
    """The whole page."""
    sections = (("ingest", IngestMetrics().registry), ("project", ProjectorMetrics().registry))
    tables = [f"\n## {name}\n\n" + "\n".join(_table(registry)) + "\n" for name, registry in sections]
    return HEAD + "".join(tables)


def _table(registry: CollectorRegistry) -> Iterator[str]:
    yield "| metric | type | labels | meaning |"
    yield "|---|---|---|---|"
    for family in registry.collect():
        if not family.name.startswith("ledger_"):
            continue  # of the process itself, from prometheus_client
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = _labels(registry, family)
        values = {
            label: sorted({sample.labels[label] for sample in family.samples if label in sample.labels})
            for label in labels
        }
        shown = "; ".join(f"`{label}`" + (f": {', '.join(values[label])}" if values[label] else "") for label in labels)
        yield f"| `{name}` | {family.type} | {shown} | {family.documentation} |"


def _labels(registry: CollectorRegistry, family: Metric) -> list[str]:
    collector = registry._names_to_collectors.get(family.name)
    used = {label for sample in family.samples for label in sample.labels if label != "le"}
    # A metric without a sample yet has its labels here only.
    return sorted(getattr(collector, "_labelnames", used))


if __name__ == "__main__":
    PAGE.write_text(page())
