"""Any bytes through `read` and every projection, without a database: nothing raises, and Postgres can store all values.

An exception in a projection makes a dead letter; a value that Postgres rejects makes the batch slow.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from random import Random

from projections.engine.batch import BatchPreparer, Incoming
from projections.engine.projection import Routing
from projections.engine.quarantine import QUARANTINED_WEBHOOKS, parked_row
from projections.registry import PROJECTIONS
from projections.tables.persons import persons
from schemas.kafka.record import Delivery, Record, event_record, pack, quarantine_record
from schemas.kafka.topics import Topics
from schemas.reading.event import Event, Unreadable, exact_payload, read
from tests.fuzzing.bodies import bodies
from tests.fuzzing.corpus import save

BATCH = 50
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOPICS = Topics()
# An escape of U+0000 that is not itself escaped: legal JSON that Postgres rejects as text.
NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class HarmfulBody(AssertionError):
    """A body that made something raise, saved in the corpus."""


async def run(seed: int, count: int) -> dict[str, int]:
    """`count` bodies of a seed. Gives the number of bodies by outcome. Raises HarmfulBody for the first harmful one."""
    given, outcomes = bodies(Random(seed)), dict[str, int]()
    with_preparer = BatchPreparer(Routing(PROJECTIONS), verify=False)
    try:
        for batch in _batches(given, count):
            for outcome in await checked(with_preparer, batch):
                outcomes[outcome] = outcomes.get(outcome, 0) + 1
    finally:
        with_preparer.close()
    return outcomes


def _batches(given: Iterator[bytes], count: int) -> Iterator[list[bytes]]:
    for start in range(0, count, BATCH):
        yield list(islice(given, min(BATCH, count - start)))


async def checked(preparer: BatchPreparer, batch: Sequence[bytes]) -> list[str]:
    """The outcome of each body. Raises HarmfulBody for the body that caused an exception."""
    try:
        return await _through(preparer, batch)
    except Exception as error:
        for body in batch:
            try:
                await _through(preparer, [body])
            except Exception as cause:
                raise HarmfulBody(f"{cause!r} for {save('bodies', body)}") from cause
        raise HarmfulBody(f"{error!r} for a batch, but for none of its bodies alone") from error


async def _through(preparer: BatchPreparer, batch: Sequence[bytes]) -> list[str]:
    outcomes = [_record_and_outcome(body) for body in batch]
    records = [record for record, _ in outcomes]
    prepared = await preparer.prepare([Incoming(record.value, record.headers, AT) for record in records], {})
    assert not prepared.failed, [part.projection.name for part in prepared.parts if part.folded is None]
    documents = [
        document for part in prepared.parts if part.folded for _, made in part.folded.documents for document in made
    ]
    documents.append(QUARANTINED_WEBHOOKS.document([parked_row(item) for item in prepared.parked]))
    assert [document for document in documents if NUL.search(document)] == []
    return [outcome for _, outcome in outcomes]


def _record_and_outcome(body: bytes) -> tuple[Record, str]:
    """The record that ingest makes of a body, and its outcome: `event` or a quarantine reason."""
    delivery = Delivery(body, bytes(64), "1772366400", "0" * 16, "default", AT)
    found = read(body)
    record = _record(found, delivery)
    assert len(pack(record)) > len(body)
    return record, found.reason if isinstance(found, Unreadable) else "event"


def _record(found: Event | Unreadable, delivery: Delivery) -> Record:
    if isinstance(found, Unreadable):
        return quarantine_record(TOPICS, found.key, found.reason, delivery)
    persons(found)
    if isinstance(found.data.get("payload"), dict):
        exact_payload(found, delivery.body)
    return event_record(TOPICS, found, delivery)
