"""The rules of a projection change only with its version: stored rows of older rules need a rebuild."""

from hashlib import blake2b

import asyncpg

from projections.registry import PROJECTIONS
from tests.contract.tables import PROJECTION_VERSIONS
from tests.oracle import compare
from tests.support.projections.apply import apply, closing, new_projector
from tests.support.streams import Webhook
from tests.support.webhooks.fixture_expectations import CASES, RECEIVED_AT, case_body


async def test_other_rows_need_another_version(database_url: str, connection: asyncpg.Connection) -> None:
    async with closing(new_projector(database_url)) as projector:
        await apply(projector, [[Webhook(case_body(name), "a", RECEIVED_AT)] for name in sorted(CASES)])
    found = {}
    for projection in PROJECTIONS:
        names = [table.name for table in projection.tables] + [*(projection.refold.tables if projection.refold else ())]
        digest = blake2b(digest_size=8)
        for name in names:
            query = f"select row_to_json(one)::text from telnyx.{name} as one order by {', '.join(compare.KEYS[name])}"
            for row in await connection.fetch(query):
                digest.update(row[0].encode())
        found[projection.name] = (projection.version, digest.hexdigest())
    changed = {name: found[name] for name in found if found[name] != PROJECTION_VERSIONS.get(name)}
    assert not changed, (
        "raise the version of each projection whose rows of the same examples changed, then write down the new digests"
        f" (where only examples or columns were added, it alone): {changed}"
    )
