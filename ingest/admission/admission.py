"""Decides about one signed body, without HTTP: signature, time window, reading, dedupe, durability, in this order.

Invariant: `admit` returns only after the record is durable.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

import structlog

from ingest.admission.dedupe import Dedupe, DedupeResult, LookupKey, LookUps
from ingest.durable.port import DurablePort
from schemas.errors import Misconfigured, Rejected, Unavailable
from schemas.kafka.record import Delivery, Record, event_record, quarantine_record
from schemas.kafka.topics import Topics
from schemas.reading.event import Unreadable, read
from schemas.reading.signing import PER_PATH_KEYS, KeyRing

TOO_MANY_KEYS = (
    f"TELNYX_PUBLIC_KEYS: {{}} keys, and /webhooks/telnyx is served with {PER_PATH_KEYS} at most; "
    "let every account post to /webhooks/telnyx/ACCOUNT, then restart ingest"
)

log = structlog.get_logger(__name__)


class Outcome(NamedTuple):
    """The answer to a delivery that was taken: a status word of the contract, and its event_key or its reason."""

    status: str
    detail: str


def quarantine_name(quarantine_key: str) -> str:
    """The name of a quarantined delivery in dedupe. It differs from the event's, although the two keys may be equal."""
    # A stale delivery is quarantined under its event_key. Under one name, the fresh delivery that follows would be a
    # duplicate.
    return f"quarantine {quarantine_key}"


def durable_names(waiting: Iterable[tuple[str, str]], topics: Topics) -> Iterable[str]:
    """The names in dedupe of records that wait in the spool, which are given as (topic, key)."""
    return (quarantine_name(key) if topic == topics.quarantine else key for topic, key in waiting)


class Admission:
    """Decides about signed bodies. A request uses the key ring that it finds, which may be replaced at any time."""

    def __init__(
        self,
        keys: KeyRing,
        *,
        topics: Topics,
        dedupe: Dedupe,
        look_ups: LookUps,
        durable: DurablePort,
        tolerance_seconds: int,
        clock: Callable[[], float],
    ) -> None:
        self.keys = keys
        self._topics = topics
        self._dedupe = dedupe
        self._look_ups = look_ups
        self._durable = durable
        self._tolerance_seconds = tolerance_seconds
        self._clock = clock

    def replace_keys(self, keys: KeyRing) -> None:
        """Use these keys from the next request on. Raises Misconfigured if a served path would become 404."""
        # Telnyx disables an endpoint that keeps failing.
        if self.keys.serves_shared_path and not keys.serves_shared_path:
            raise Misconfigured([TOO_MANY_KEYS.format(len(keys.keys))])
        self.keys = keys

    async def admit(
        self, body: bytes, *, signature: bytes, signed_timestamp: bytes, account: str | None, deadline: float
    ) -> Outcome:
        """Take a delivery. Returns its outcome after the record is durable.

        `deadline` is in loop time. `account` is that of the path, or None.
        Raises Rejected (no_matching_key, stale_timestamp, future_timestamp) and Unavailable (nothing is durable).
        """
        key = self.keys.match(signature, signed_timestamp, body, account)
        if key is None:
            raise self._no_matching_key(signature, signed_timestamp, body, account)
        now = self._clock()
        received_at = datetime.fromtimestamp(now, UTC)
        delivery = Delivery(body, signature, signed_timestamp.decode(), key.key_id, key.account, received_at)
        content = read(body)
        # A delivery that a known key signed is kept, whatever else is wrong with it.
        age_seconds = int(now) - int(signed_timestamp)
        if abs(age_seconds) > self._tolerance_seconds:
            reason = "stale_timestamp" if age_seconds > 0 else "future_timestamp"
            if isinstance(content, Unreadable) or not await self._known(LookupKey.of(content)):
                await self._quarantine(content.key, reason, delivery, deadline)
            raise Rejected(reason)
        if isinstance(content, Unreadable):
            await self._quarantine(content.key, content.reason, delivery, deadline)
            return Outcome("quarantined", content.reason)
        event_key = content.key
        if self._dedupe.knows(event_key):
            return Outcome("duplicate", event_key)
        lookup_key, record = LookupKey.of(content), event_record(self._topics, content, delivery)
        # The parsed body is ten times its size. Freed here, its memory serves the next body.
        del content
        result = await self._dedupe.once(event_key, self._persist, record, deadline, lookup_key)
        if result is DedupeResult.FAILED:
            raise Unavailable("not durable anywhere")
        return Outcome("accepted" if result is DedupeResult.NEW else "duplicate", event_key)

    def _no_matching_key(self, signature: bytes, signed_timestamp: bytes, body: bytes, account: str | None) -> Rejected:
        key = self.keys.match_beyond_validity(signature, signed_timestamp, body, account)
        if key is None:
            return Rejected("no_matching_key")
        is_early = key.not_before is not None and int(signed_timestamp) < key.not_before
        why = "key_not_yet_valid" if is_early else "key_expired"
        return Rejected("no_matching_key", why=why, key_id=key.key_id, account=key.account)

    async def _known(self, lookup_key: LookupKey) -> bool:
        return self._dedupe.knows(lookup_key.event_key) or await self._look_ups.stored(lookup_key)

    async def _quarantine(self, key: str, reason: str, delivery: Delivery, deadline: float) -> None:
        """Make a quarantine record durable, unless memory knows it. Raises Unavailable."""
        record = quarantine_record(self._topics, key, reason, delivery)
        result = await self._dedupe.once(quarantine_name(key), self._persist, record, deadline)
        if result is DedupeResult.FAILED:
            raise Unavailable("not durable anywhere")
        if result is DedupeResult.NEW:
            log.warning("quarantined", reason=reason, quarantine_key=key, account=delivery.account)

    async def _persist(self, record: Record, deadline: float, lookup_key: LookupKey | None = None) -> DedupeResult:
        """Make the record durable, unless the event store has the event of `lookup_key`."""
        if lookup_key is not None and await self._look_ups.stored(lookup_key):
            return DedupeResult.KNOWN
        try:
            await self._durable.persist(record, deadline)
        except Unavailable:
            return DedupeResult.FAILED
        return DedupeResult.NEW
