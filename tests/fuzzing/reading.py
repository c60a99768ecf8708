"""Any bytes through `read` and through all that is made of it without a database: nothing raises, all can be written.

What a projection raises costs an event its row; a value that Postgres cannot hold costs a batch its quick way.
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
from tests.fuzzing.corpus import kept

BATCH = 50
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOPICS = Topics()
# An escape of U+0000 that is not itself escaped: legal JSON that Postgres takes for no text.
NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class Raised(AssertionError):
    """A body that something raised for; it is in the corpus now."""


async def survive(seed: int, count: int) -> dict[str, int]:
    """So many bodies of this seed. Gives how many became what. Raises Raised at the first that does harm."""
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
    """What each body became. Raises Raised, with the one that is at fault."""
    try:
        return await _through(preparer, batch)
    except Exception as error:
        for body in batch:
            try:
                await _through(preparer, [body])
            except Exception as its_own:
                raise Raised(f"{its_own!r} for {kept('bodies', body)}") from its_own
        raise Raised(f"{error!r} for a batch, and for none of its bodies alone") from error


async def _through(preparer: BatchPreparer, batch: Sequence[bytes]) -> list[str]:
    outcomes = [_travelled(body) for body in batch]
    records = [record for record, _ in outcomes]
    prepared = await preparer.prepare([Incoming(record.value, record.headers, AT) for record in records], {})
    assert not prepared.failed, [part.projection.name for part in prepared.parts if part.folded is None]
    documents = [document for part in prepared.parts if part.folded for _, document in part.folded.documents]
    documents.append(QUARANTINED_WEBHOOKS.document([parked_row(item) for item in prepared.parked]))
    assert [document for document in documents if NUL.search(document)] == []
    return [outcome for _, outcome in outcomes]


def _travelled(body: bytes) -> tuple[Record, str]:
    """The record that ingest makes of a body, and what the body is called."""
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
