"""A dossier has every webhook that names the person, and nothing of anybody else, as of any moment; by index."""

import re
from hashlib import sha256

import asyncpg
import pytest

from projections.evidence.dossier import END_OF_TIME, FEEDS, message_of
from projections.integrity.inclusion_proofs import proofs, seals_from
from projections.integrity.merkle import GROUP, leaf_hash, root_from_path
from projections.integrity.sealing import seal_now
from projections.rebuild.rebuild import rebuild
from projections.registry import projections_named
from projections.sql import queries
from schemas.errors import LedgerError
from tests.support.projections.apply import apply, closing, new_projector
from tests.support.sql.rows import plan
from tests.support.streams import Webhook
from tests.support.webhooks import builders
from tests.support.webhooks import evidence_story as story
from tests.support.webhooks.builders import NOON, PERSON, PROFILE
from tests.support.webhooks.evidence_story import MINUTE, OTHER_PROFILE, SOMEBODY_ELSE, STOPPED, THEIRS, about, tell


@pytest.fixture
async def told(database_url: str, connection: asyncpg.Connection) -> asyncpg.Connection:
    await tell(database_url, events_a_seal=4)
    return connection


async def test_everything_that_names_the_person_and_nothing_else(told: asyncpg.Connection) -> None:
    found = await about(told)
    assert len(found.originals) == THEIRS
    assert all(PERSON.encode()[1:] in one.row["body"] for one in found.originals)
    assert (found.later, found.in_other_profiles, found.dead_letters) == (0, 0, 0)
    assert len((await about(told, SOMEBODY_ELSE)).originals) == 2


async def test_a_profile_limits_it(told: asyncpg.Connection) -> None:
    one, other = await about(told, profile=PROFILE), await about(told, profile=OTHER_PROFILE)
    assert (len(one.originals), one.in_other_profiles) == (THEIRS - 1, 1)
    assert [message_of(original.event) for original in other.originals] == ["hello"]
    assert [(standing.profile, standing.now) for standing in other.opt_out_states] == [(OTHER_PROFILE, None)]
    # the click names no profile, and is of the message's
    assert "link_clicked" in [original.event.type for original in one.originals]


async def test_a_moment_limits_it_and_what_was_known_then_is_told_apart(told: asyncpg.Connection) -> None:
    before = await about(told, profile=PROFILE, at=STOPPED - MINUTE)
    assert (len(before.originals), before.later) == (4, THEIRS - 5)
    assert (before.opt_out_states[0].now, before.opt_out_states[0].then, before.sent_after_opt_out) == (None, None, {})
    (standing,) = (await about(told, profile=PROFILE, at=NOON + 21 * MINUTE)).opt_out_states
    assert standing.now is not None
    assert (standing.now["opted_out"], standing.now["changed_at"]) == (True, STOPPED)
    assert standing.then is None  # the STOP was still on its way
    (standing,) = (await about(told, profile=PROFILE)).opt_out_states
    assert standing.now == standing.then


async def test_what_was_sent_after_the_opt_out_is_named(told: asyncpg.Connection) -> None:
    sent = (await about(told)).sent_after_opt_out
    assert {message: (row["is_confirmation"], row["known_before_send"]) for message, row in sent.items()} == {
        "confirmation": (True, False),
        "after": (False, False),
    }


async def test_seals_cover_what_they_cover(told: asyncpg.Connection) -> None:
    found = await about(told)
    bare = [one for one in found.originals if one.key not in found.proofs]
    assert len(bare) == 2
    assert [seal.seq for seal in found.seals] == [1, 2, 3]
    for one in found.originals:
        if proof := found.proofs.get(one.key):
            seal = found.seals[proof.seq - 1]
            leaf = leaf_hash(one.row["position"], one.row["event_key"], sha256(one.row["body"]).digest())
            assert root_from_path(leaf, proof.index, seal.events, proof.path) == seal.root


@pytest.mark.parametrize("older_than_groups", [False, True])
async def test_a_proof_through_several_groups(
    connection: asyncpg.Connection, database_url: str, *, older_than_groups: bool
) -> None:
    events = [Webhook(builders.encode(builders.message_sent(f"m{nth}")), "a", NOON) for nth in range(3 * GROUP + 5)]
    async with closing(new_projector(database_url)) as projector:
        await apply(projector, [events])
    [seal] = [seal async for seal in seal_now(connection)]
    if older_than_groups:
        await connection.execute("delete from telnyx.seal_groups")
    found = await about(connection)
    assert len(found.proofs) == len(events)
    for one in found.originals:
        proof = found.proofs[one.key]
        leaf = leaf_hash(one.row["position"], one.row["event_key"], sha256(one.row["body"]).digest())
        assert root_from_path(leaf, proof.index, seal.events, proof.path) == seal.root
    await connection.execute("update telnyx.seal_groups set roots = roots || roots")
    assert (await about(connection)).broken_seals == ([] if older_than_groups else [1])


async def test_what_was_taken_out_is_missed_and_its_seal_proves_nothing(told: asyncpg.Connection) -> None:
    await told.execute("""
        create or replace function telnyx.refuse_change() returns trigger language plpgsql as 'begin return old; end';
        delete from telnyx.events where position = (select max(last_position) from telnyx.event_seals where seq = 2)
    """)
    found = await about(told)
    assert (found.broken_seals, found.missing) == ([2], 1)
    assert {proof.seq for proof in found.proofs.values()} == {1, 3}


async def test_only_the_seals_that_are_needed_are_read(told: asyncpg.Connection) -> None:
    last = await told.fetchval("select max(position) from telnyx.events")
    seals = await seals_from(told, [last])
    assert [seal.seq for seal in seals] == [2, 3]
    assert await proofs(told, seals, {"bare": last}) == ({}, [])


async def test_an_unknown_phone_is_refused(told: asyncpg.Connection) -> None:
    with pytest.raises(LedgerError, match=r"no event names .13125550002: check the number and its country code"):
        await about(told, "+13125550002")


async def test_an_unknown_profile_says_which_there_are(told: asyncpg.Connection) -> None:
    with pytest.raises(LedgerError, match=f"no webhook of .* has profile 'x'; found {OTHER_PROFILE}, {PROFILE}"):
        await about(told, profile="x")


@pytest.mark.parametrize("name", [feed.name for feed in FEEDS])
@pytest.mark.parametrize(
    "change",
    [
        "update telnyx.projection_state set status = 'suspended' where name = $1",
        "update telnyx.projection_state set version = 0 where name = $1",
        "delete from telnyx.projection_state where name = $1",  # new to this store: no program has declared it yet
    ],
)
async def test_tables_that_may_lack_something_are_no_evidence(
    told: asyncpg.Connection, database_url: str, name: str, change: str
) -> None:
    await told.execute(change, name)
    with pytest.raises(LedgerError, match=f"telnyx-ledger rebuild {name}"):
        await about(told)
    await rebuild(database_url, projections_named([name]), lambda *_: None)
    assert len((await about(told)).originals) == THEIRS


async def test_a_person_is_found_by_index(told: asyncpg.Connection) -> None:
    """However many events and deliveries there are, and whatever the planner believes of them."""
    await told.execute("""
        insert into telnyx.events (event_key, account, event_type, retention_class, occurred_at, received_at, body,
                                   signature, signed_timestamp, key_id)
        select md5(i::text)::uuid, 'a', 't', (array['consent', 'traffic'])[1 + i % 2],
               timestamptz '2026-03-01' + i * interval '1 minute', now(), '{}', '', '', ''
        from generate_series(1, 9000) as i;
        insert into telnyx.person_events
        select '+1312' || lpad((i % 900)::text, 7, '0'), now() - i * interval '1 minute', gen_random_uuid(), 'traffic'
        from generate_series(1, 20000) as i;
        insert into telnyx.opt_out_events (event_key, phone_number, account, messaging_profile_id, action, basis,
                                           telnyx_blocked, occurred_at, received_at)
        select gen_random_uuid(), '+1312' || lpad(i::text, 7, '0'), 'a', 'p' || i % 3, 'opt_out', 'keyword', false,
               now(), now()
        from generate_series(1, 20000) as i;
        insert into telnyx.message_deliveries
          (message_id, recipient, account, status, is_final, status_at, sent_at, first_event_at, last_event_key,
           status_rank)
        select md5(i::text), '+1312', 'a', 'sent', false, now(), now(), now(), gen_random_uuid(), 3
        from generate_series(1, 20000) as i;
    """)
    sql = queries("evidence")
    found = await about(told)
    columns = [[one.row["occurred_at"] for one in found.originals], [one.key for one in found.originals]]
    classes = [one.event.retention_class for one in found.originals]
    messages = [message_of(one.event) for one in found.originals]
    for analyzed in ("select 1", "analyze"):
        await told.execute(analyzed)
        for query, arguments in (
            ("of_person", [PERSON]),
            ("originals", [classes, *columns]),
            ("standing", [PERSON, [PROFILE], END_OF_TIME, END_OF_TIME]),
            ("sent_after_opt_out", [PERSON, messages, END_OF_TIME]),
        ):
            seen = await plan(told, sql[query], *arguments)
            large = r"Seq Scan on (person_events|message_deliveries|opt_out_events|events_\w+_2026_03)"
            assert re.search(large, seen) is None, seen


async def test_an_auditor_who_may_write_nothing_may_ask(database_url: str, told: asyncpg.Connection) -> None:
    auditor = await asyncpg.connect(database_url)
    await auditor.execute("set role telnyx_auditor")
    assert len((await about(auditor)).originals) == story.THEIRS
    await auditor.close()
