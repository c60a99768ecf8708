"""The fold of opt_outs: the rows of opt_outs_as_of, at a cost that does not grow with a person's history."""

import random
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import asyncpg

from projections.tables.opt_outs import OPT_OUTS
from tests.support.sql.rows import NOON

REFOLD = OPT_OUTS.refold
assert REFOLD is not None
DIFFERENCES = """
    select count(*) from telnyx.opt_outs full join telnyx.opt_outs_as_of('infinity') as defined
      using (messaging_profile_id, phone_number)
    where record_image_ne(row(opt_outs.*), row(defined.*))
"""
FACTS = ("event_key", "phone_number", "account", "messaging_profile_id", "action", "basis", "keyword", "via_number",
         "telnyx_blocked", "occurred_at", "attempted_at", "received_at")  # fmt: skip
MANY, FEW = 4000, 4
PERSONS = 100  # of each kind


async def fold(connection: asyncpg.Connection, persons: list[tuple[str, str]]) -> float:
    """Fold these persons in one batch. Returns the seconds."""
    async with connection.transaction():
        began = time.perf_counter()
        await REFOLD.run(connection, sorted(persons))  # type: ignore[union-attr]
        return time.perf_counter() - began


def facts_of(phone: str, choose: random.Random) -> Iterator[tuple[Any, ...]]:
    """A few facts at few moments, so that many are at the same one."""
    for _ in range(choose.randint(1, 9)):
        action = choose.choice(["opt_out", "opt_out", "opt_in", "help"])
        basis = choose.choice(["autoresponse", "keyword"] + ["blocked_send"] * 2 * (action == "opt_out"))
        at = NOON + timedelta(minutes=choose.randint(0, 4))
        attempted = NOON + timedelta(minutes=choose.randint(-1, 5)) if basis == "blocked_send" else None
        blocked = action == "opt_out" and basis != "keyword"
        key = uuid.UUID(int=choose.getrandbits(128))
        account = choose.choice("ab")
        yield (
            *(key, phone, account, choose.choice(["profile", ""]), action, basis, choose.choice([None, "STOP"])),
            *(choose.choice([None, "+13125550099"]), blocked, at, attempted, NOON),
        )


async def test_the_fold_gives_the_rows_of_opt_outs_as_of(connection: asyncpg.Connection) -> None:
    choose = random.Random(20261129)
    facts = [fact for number in range(5000) for fact in facts_of(f"+1312{number:07}", choose)]
    await connection.copy_records_to_table("opt_out_events", schema_name="telnyx", columns=FACTS, records=facts)
    await connection.execute("analyze telnyx.opt_out_events")
    for _ in range(2):  # the second time every row is there
        await fold(connection, sorted({(fact[3], fact[1]) for fact in facts}))
        assert await connection.fetchval(DIFFERENCES) == 0
    assert await connection.fetchval("select count(*) from telnyx.opt_outs where not opted_out") > 500
    assert await connection.fetchval("select count(*) from telnyx.opt_outs where basis = 'blocked_send'") > 500


async def test_a_long_history_costs_as_much_as_a_short_one(connection: asyncpg.Connection) -> None:
    for kind, facts in (("many", MANY), ("few", FEW)):
        await connection.execute(f"""
            insert into telnyx.opt_out_events (event_key, phone_number, account, messaging_profile_id, action, basis,
                                               telnyx_blocked, occurred_at, received_at)
            select gen_random_uuid(), '{kind}' || person, 'default', 'profile', 'opt_out', 'blocked_send',
                   true, now() - nth * interval '1 hour', now()
            from generate_series(1, {PERSONS}) as person, generate_series(1, {facts}) as nth
        """)
    await connection.execute("vacuum analyze telnyx.opt_out_events")
    rounds: dict[str, list[float]] = {"many": [], "few": []}
    for _ in range(8):
        for kind, seconds_of in rounds.items():
            persons = [("profile", f"{kind}{person}") for person in range(1, PERSONS + 1)]
            seconds_of.append(await fold(connection, persons))
    seconds = {kind: min(seconds_of) for kind, seconds_of in rounds.items()}
    assert seconds["many"] < 2 * seconds["few"] + 0.002, seconds


async def test_a_batch_takes_few_locks_however_many_persons_it_touches(connection: asyncpg.Connection) -> None:
    persons = [("profile", f"+1312{number:07}") for number in range(20_000)]
    async with connection.transaction():
        await REFOLD.run(connection, persons)  # type: ignore[union-attr]
        held = await connection.fetchval("select count(*) from pg_locks where pid = pg_backend_pid()")
    assert held < 50
