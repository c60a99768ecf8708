"""Every kind of damage, done by a superuser past the triggers, is found and named, and nothing else is."""

import asyncpg
import pytest

from projections.engine.projector import Projector
from projections.integrity.checks import Finding
from projections.integrity.plan import plan_verification
from projections.integrity.sealing import seal_now
from projections.registry import PROJECTIONS
from projections.signing_keys import remembered_keys
from tests.support.projections.signed_records import RING, bodies, incoming
from tests.support.sql.seals import UNLOCKED
from tests.support.webhooks import builders

EVENTS = 35  # three seals of ten, and five that are not sealed yet
COLUMNS = """event_key, event_id, account, event_type, retention_class, occurred_at, received_at, body, signature,
    signed_timestamp, key_id"""
EVERY_EVENT = list(range(1, EVENTS + 1))

# Each damage, and the finding that it must give. Events are named by position.
DAMAGE: dict[str, tuple[str, list[tuple[int | str, str]]]] = {
    "a byte of a body": (
        "update telnyx.events set body = set_byte(body, 40, get_byte(body, 40) # 1) where position = 3",
        [(3, "signature: key"), (3, "event_key: the body is"), ("seal 1", "root: ")],
    ),
    "a byte of white space in a body": (
        "update telnyx.events set body = set_byte(body, 1, 32) where position = 3",
        [(3, "signature: key"), ("seal 1", "root: ")],
    ),
    "a bit of a signature": (
        "update telnyx.events set signature = set_bit(signature, 5, 1 - get_bit(signature, 5)) where position = 33",
        [(33, "signature: key")],
    ),
    "no signature": ("update telnyx.events set signature = '' where position = 33", [(33, "signature: key")]),
    "a signed time": (
        "update telnyx.events set signed_timestamp = '1772366401' where position = 12", [(12, "signature: key")],
    ),
    "a signed time that is none": (
        "update telnyx.events set signed_timestamp = '12²' where position = 12", [(12, "signature: key")],
    ),
    "another key": (
        "update telnyx.events set key_id = '0123456789abcdef' where position = 12",
        [(12, "signature: key 0123456789abcdef is not known here")],
    ),
    "the bytes of a key": (
        "update telnyx.signing_keys set public_key = sha256(public_key) where account = 'default'",
        [(position, "signature: key") for position in EVERY_EVENT],
    ),
    "a key that ends before": (
        "update telnyx.signing_keys set not_after = '2020-01-01'",
        [*((position, "signature: key") for position in EVERY_EVENT), ("parked", "signature: key")],
    ),
    "two genuine bodies swapped": (
        """update telnyx.events as here set body = there.body, signature = there.signature,
             signed_timestamp = there.signed_timestamp
           from telnyx.events as there where here.position in (14, 16) and there.position = 30 - here.position""",
        [(14, "event_key: the body is that of "), (16, "event_key: the body is that of "), ("seal 2", "root: ")],
    ),
    "a body that is not an event": (
        "update telnyx.events set body = '{}' where position = 34",
        [(34, "signature: key"), (34, "event_key: the body is not an event (no_data)")],
    ),
    "what was read from a body": (
        "update telnyx.events set event_type = 'message.read', event_id = null where position = 5",
        [(5, "event_id, event_type: not what the body says")],
    ),
    "an event that is removed": (
        "delete from telnyx.events where position = 7",
        [("seal 1", "events: 1 of 10 were taken out of positions 1 to 10; nothing is at 7")],
    ),
    "the last event of a seal removed": (
        "delete from telnyx.events where position = 10",
        [("seal 1", "events: 1 of 10 were taken out of positions 1 to 10; nothing is at 10")],
    ),
    "all events of a seal removed": (
        "delete from telnyx.events where position between 11 and 20",
        [("seal 2", "events: 10 of 10 were taken out of positions 11 to 20")],
    ),
    "an event in place of another": (
        """delete from telnyx.events where position = 7;
           update telnyx.events set position = 7 where position = 35""",
        [("seal 1", "root: ")],
    ),
    "an event below all seals": (
        "update telnyx.events set position = -4 where position = 35", [(-4, "seal: none covers it")],
    ),
    "an event twice": (
        f"""insert into telnyx.events ({COLUMNS})
            select event_key, event_id, account, event_type, retention_class, '2026-11-01', received_at, body,
              signature, signed_timestamp, key_id from telnyx.events where position = 31""",
        [(31, "occurred_at: not what the body says"), (31, "event_key: stored 2 times")],
    ),
    "a seal that is removed": ("delete from telnyx.event_seals where seq = 2", [("seal 2", "missing")]),
    "the first seal removed": ("delete from telnyx.event_seals where seq = 1", [("seal 1", "missing")]),
    "the newest seal removed": ("delete from telnyx.event_seals where seq = 3", [("seal 3", "missing")]),
    "all seals removed": (
        "delete from telnyx.event_seals", [("seal 1", "missing"), ("seal 2", "missing"), ("seal 3", "missing")],
    ),
    "a seal's root": (
        "update telnyx.event_seals set root = sha256(root) where seq = 2",
        [("seal 2", "chain: "), ("seal 2", "root: ")],
    ),
    "a seal's root, with a chain that follows": (
        """update telnyx.event_seals as here
           set root = sha256(here.root),
             chain = sha256(before.chain || sha256(here.root) || int8send(here.last_position))
           from telnyx.event_seals as before where here.seq = 2 and before.seq = 1""",
        [("seal 2", "root: "), ("seal 3", "chain: ")],
    ),
    "a seal's chain": (
        "update telnyx.event_seals set chain = sha256(chain) where seq = 2",
        [("seal 2", "chain: "), ("seal 3", "chain: ")],
    ),
    "a seal's number of events": (
        "update telnyx.event_seals set events = 9 where seq = 2",
        [("seal 2", "events: 1 more than the 9 that were sealed")],
    ),
    "where a seal begins": (
        "update telnyx.event_seals set first_position = 12, events = 9 where seq = 2",
        [
            ("seal 2", "first_position: 12, though the seal before ends at 10"), ("seal 2", "root: "),
            (11, "seal: none covers it"),
        ],
    ),
    "where a seal ends": (
        "update telnyx.event_seals set last_position = 19, events = 9 where seq = 2",
        [
            ("seal 2", "chain: "), ("seal 2", "root: "),
            ("seal 3", "first_position: 21, though the seal before ends at 19"), (20, "seal: none covers it"),
        ],
    ),
    "a body in quarantine": (
        "update telnyx.quarantined_webhooks set body = '{\"data\":  1}' where reason = 'no_data'",
        [("parked", "quarantine_key: "), ("parked", "signature: key")],
    ),
}  # fmt: skip


@pytest.fixture
async def ledger(database_url: str, connection: asyncpg.Connection) -> asyncpg.Connection:
    projector = Projector(database_url, keys=RING, verify=True, owner="one", projections=PROJECTIONS)
    for number in range(EVENTS):
        await projector.apply(bodies(builders.message_sent(f"msg-{number}")))
        if number == 29:
            assert [seal.events async for seal in seal_now(connection, events_a_seal=10)] == [10] * 3
    await projector.apply([incoming(b'{"data": 1}'), incoming(b"{}", signature=bytes(64))])
    await projector.close()
    positions = await connection.fetch("select position from telnyx.events order by 1")
    assert [row["position"] for row in positions] == EVERY_EVENT
    return connection


async def verified(connection: asyncpg.Connection, *chains: bytes) -> list[Finding]:
    planned = await plan_verification(connection, chains)
    keys = {key.key_id: key for key, _ in await remembered_keys(connection)}
    results = [await check.run(connection, keys) for check in planned.checks]
    return [*planned.findings, *(finding for result in results for finding in result.findings)]


async def names(connection: asyncpg.Connection) -> dict[str, int | str]:
    parked = await connection.fetch("select quarantine_key from telnyx.quarantined_webhooks where reason = 'no_data'")
    events = await connection.fetch(
        "select distinct on (event_key) event_key, position from telnyx.events order by 1, 2"
    )
    return {str(row[0]): "parked" for row in parked} | {str(row[0]): row[1] for row in events}


async def test_every_damage_is_found_and_named(ledger: asyncpg.Connection) -> None:
    assert await verified(ledger) == []
    wrong = {}
    for name, (statement, expected) in DAMAGE.items():
        damage = ledger.transaction()
        await damage.start()
        await ledger.execute(UNLOCKED + statement)
        known = await names(ledger)
        found = sorted((str(known.get(what, what)), problem) for what, problem in await verified(ledger))
        wanted = sorted((str(what), problem) for what, problem in expected)
        as_wanted = len(found) == len(wanted) and all(
            what == there and problem.startswith(start)
            for (what, problem), (there, start) in zip(found, wanted, strict=True)
        )
        if not as_wanted:
            wrong[name] = found
        await damage.rollback()
    assert wrong == {}
    assert await verified(ledger) == []


async def test_a_chain_value_kept_elsewhere_reveals_a_rewritten_history(ledger: asyncpg.Connection) -> None:
    kept = [row["chain"] for row in await ledger.fetch("select chain from telnyx.event_seals order by seq")]
    assert await verified(ledger, *kept) == []
    await ledger.execute(
        f"{UNLOCKED} delete from telnyx.events where position = 25; delete from telnyx.event_seals;"
        " delete from telnyx.seal_groups; update telnyx.seal_count set seals = 0"
    )
    async for _ in seal_now(ledger, events_a_seal=10):
        pass
    assert await verified(ledger, *kept[:2]) == []
    [finding] = await verified(ledger, *kept)
    assert finding.what == f"chain {kept[2].hex()}"
