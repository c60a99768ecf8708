"""The answers to a run's webhooks, compared with the expected ones: one JSON line per request, and totals."""

import json
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

from deploy.simulator.webhook import Webhook

LATENCIES_KEPT = 100_000  # the newest; a run may have no end


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """The answer to one webhook: status and body, or the error in their place."""

    webhook: Webhook
    status: int | None
    answer: Any
    error: str | None
    latency_seconds: float

    @property
    def word(self) -> str:
        """Return the word to compare: the body's `reason`, else `status` or `error`, else the connection's error."""
        found = self.answer if isinstance(self.answer, dict) else {}
        return str(found.get("reason") or found.get("status") or found.get("error") or self.error)

    @property
    def as_expected(self) -> bool:
        return self.status == self.webhook.expected.status and self.word in self.webhook.expected.words

    def line(self, number: int) -> str:
        webhook = self.webhook
        fields = {
            "number": number,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "kind": webhook.kind,
            "event_type": webhook.data.get("event_type"),
            "event_id": webhook.data.get("id"),
            "message_id": webhook.data.get("payload", {}).get("id"),
            "attempt": webhook.attempt,
            "signing": webhook.signing.value,
            "expected_status": webhook.expected.status,
            "expected_words": webhook.expected.words,
            "as_expected": self.as_expected,
            "status": self.status,
            "answer": self.answer,
            "error": self.error,
            "latency_ms": round(self.latency_seconds * 1000, 3),
        }
        return json.dumps(fields, ensure_ascii=False)


def read_answer(body: bytes) -> Any:
    """Return the JSON of an answer, or its text if it is not JSON (the error page of a proxy)."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode(errors="replace")[:500]


@dataclass(slots=True)
class Totals:
    """Counts of a run, and the latencies of its answers."""

    out: TextIO | None = None
    sent: int = 0
    last_error: str | None = None
    answers: Counter[str] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)
    surprising: int = 0
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES_KEPT))

    def add(self, answer: CheckedAnswer) -> None:
        self.sent += 1
        self.answers[f"{answer.status or 'no answer'} {answer.word}"] += 1
        self.last_error = answer.error or self.last_error
        if answer.status is not None:
            self.latencies.append(answer.latency_seconds)
        if self.out:
            self.out.write(answer.line(self.sent) + "\n")
        if not answer.as_expected:
            self.surprising += 1
            if len(self.surprises) < 5:
                self.surprises.append(_surprise(answer))

    def percentile_ms(self, share: float) -> float | None:
        """Return the latency in milliseconds that this share of the answers did not exceed."""
        ordered = sorted(self.latencies)
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 1) if ordered else None

    def summary(self) -> dict[str, Any]:
        """Return the totals as `--json` prints them."""
        return {
            "sent": self.sent,
            "unexpected": self.surprising,
            "answers": dict(self.answers.most_common()),
            "p50_ms": self.percentile_ms(0.5),
            "p99_ms": self.percentile_ms(0.99),
        }


def _surprise(answer: CheckedAnswer) -> str:
    expected = answer.webhook.expected
    wanted = f"{expected.status} {' or '.join(expected.words)}"
    return f"{answer.webhook.kind}: expected {wanted}, got {answer.status or 'no answer'} {answer.word}"
