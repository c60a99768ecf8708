"""A dossier has every webhook that names the person and no other, as of any moment, and is read by index."""

import re
from hashlib import sha256

import asyncpg
import pytest

from projections.evidence.dossier import END_OF_TIME, FEEDS, message_of
from projections.integrity.inclusion_proofs import proofs, seals_from
from projections.integrity.merkle import GROUP, leaf_hash
from projections.integrity.sealing import seal_now
from projections.rebuild.rebuild import rebuild
from projections.registry import projections_named
from projections.sql import queries
from schemas.errors import LedgerError
from tests.support.projections.apply import apply, closing, new_projector
from tests.support.projections.merkle_by_definition import root_from_path
from tests.support.sql.connections import connected
from tests.support.sql.rows import plan
from tests.support.streams import Webhook
from tests.support.webhooks import builders
from tests.support.webhooks import evidence_story as story
from tests.support.webhooks.builders import NOON, PERSON, PROFILE
from tests.support.webhooks.evidence_story import MINUTE, OTHER_PROFILE, SOMEBODY_ELSE, STOPPED, THEIRS, about, tell


@pytest.fixture
async def ledger(database_url: str, connection: asyncpg.Connection) -> asyncpg.Connection:
    await tell(database_url, events_a_seal=4)
    return connection


async def test_a_dossier_has_every_event_of_the_person_and_no_other(ledger: asyncpg.Connection) -> None:
    found = await about(ledger)
    assert len(found.originals) == THEIRS
    assert all(PERSON.encode()[1:] in original.row["body"] for original in found.originals)
    assert (found.later, found.in_other_profiles, found.dead_letters) == (0, 0, 0)
    assert len((await about(ledger, SOMEBODY_ELSE)).originals) == 2


async def test_a_profile_limits_the_dossier(ledger: asyncpg.Connection) -> None:
    one, other = await about(ledger, profile=PROFILE), await about(ledger, profile=OTHER_PROFILE)
    assert (len(one.originals), one.in_other_profiles) == (THEIRS - 1, 1)
    assert [message_of(original.event) for original in other.originals] == ["hello"]
    assert [(standing.profile, standing.now) for standing in other.opt_out_states] == [(OTHER_PROFILE, None)]
    # the click names no profile and gets that of its message
    assert "link_clicked" in [original.event.type for original in one.originals]


async def test_a_moment_limits_the_dossier_and_shows_what_was_known_then(ledger: asyncpg.Connection) -> None:
    before = await about(ledger, profile=PROFILE, at=STOPPED - MINUTE)
    assert (len(before.originals), before.later) == (4, THEIRS - 5)
    assert (before.opt_out_states[0].now, before.opt_out_states[0].then, before.sent_after_opt_out) == (None, None, {})
    (standing,) = (await about(ledger, profile=PROFILE, at=NOON + 21 * MINUTE)).opt_out_states
    assert standing.now is not None
    assert (standing.now["opted_out"], standing.now["changed_at"]) == (True, STOPPED)
    assert standing.then is None  # the STOP had not arrived then
    (standing,) = (await about(ledger, profile=PROFILE)).opt_out_states
    assert standing.now == standing.then


async def test_messages_sent_after_the_opt_out_are_named(ledger: asyncpg.Connection) -> None:
    sent = (await about(ledger)).sent_after_opt_out
    assert {message: (row["is_confirmation"], row["known_before_send"]) for message, row in sent.items()} == {
        "confirmation": (True, False),
        "after": (False, False),
    }


async def test_each_sealed_event_has_a_proof(ledger: asyncpg.Connection) -> None:
    found = await about(ledger)
    bare = [original for original in found.originals if original.key not in found.proofs]
    assert len(bare) == 2
    assert [seal.seq for seal in found.seals] == [1, 2, 3]
    for original in found.originals:
        if proof := found.proofs.get(original.key):
            seal = found.seals[proof.seq - 1]
            leaf = leaf_hash(original.row["position"], original.row["event_key"], sha256(original.row["body"]).digest())
            assert root_from_path(leaf, proof.index, seal.events, proof.path) == seal.root


@pytest.mark.parametrize("older_than_groups", [False, True])
async def test_a_proof_leads_through_several_groups(
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
    for original in found.originals:
        proof = found.proofs[original.key]
        leaf = leaf_hash(original.row["position"], original.row["event_key"], sha256(original.row["body"]).digest())
        assert root_from_path(leaf, proof.index, seal.events, proof.path) == seal.root
    await connection.execute("update telnyx.seal_groups set roots = roots || roots")
    assert (await about(connection)).broken_seals == ([] if older_than_groups else [1])


async def test_a_removed_event_is_counted_and_its_seal_proves_nothing(ledger: asyncpg.Connection) -> None:
    await ledger.execute("""
        create or replace function telnyx.refuse_change() returns trigger language plpgsql as 'begin return old; end';
        delete from telnyx.events where position = (select max(last_position) from telnyx.event_seals where seq = 2)
    """)
    found = await about(ledger)
    assert (found.broken_seals, found.missing) == ([2], 1)
    assert {proof.seq for proof in found.proofs.values()} == {1, 3}


async def test_only_the_needed_seals_are_read(ledger: asyncpg.Connection) -> None:
    last = await ledger.fetchval("select max(position) from telnyx.events")
    seals = await seals_from(ledger, [last])
    assert [seal.seq for seal in seals] == [2, 3]
    assert await proofs(ledger, seals, {"bare": last}) == ({}, [])


async def test_an_unknown_phone_is_refused(ledger: asyncpg.Connection) -> None:
    with pytest.raises(LedgerError, match=r"no event names .13125550002: check the number and its country code"):
        await about(ledger, "+13125550002")


async def test_an_unknown_profile_is_refused_with_the_known_ones(ledger: asyncpg.Connection) -> None:
    with pytest.raises(LedgerError, match=f"no webhook of .* has profile 'x'; found {OTHER_PROFILE}, {PROFILE}"):
        await about(ledger, profile="x")


@pytest.mark.parametrize("name", [feed.name for feed in FEEDS])
@pytest.mark.parametrize(
    "change",
    [
        "update telnyx.projection_state set status = 'suspended' where name = $1",
        "update telnyx.projection_state set version = 0 where name = $1",
        "delete from telnyx.projection_state where name = $1",  # a new projection that no program has registered yet
    ],
)
async def test_tables_that_may_miss_events_are_refused(
    ledger: asyncpg.Connection, database_url: str, name: str, change: str
) -> None:
    await ledger.execute(change, name)
    with pytest.raises(LedgerError, match=f"telnyx-ledger rebuild {name}"):
        await about(ledger)
    await rebuild(database_url, projections_named([name]))
    assert len((await about(ledger)).originals) == THEIRS


async def test_a_person_is_found_by_index(ledger: asyncpg.Connection) -> None:
    """With many events and deliveries, before and after the planner has statistics."""
    await ledger.execute("""
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
    found = await about(ledger)
    columns = [
        [original.row["occurred_at"] for original in found.originals],
        [original.key for original in found.originals],
    ]
    classes = [original.event.retention_class for original in found.originals]
    messages = [message_of(original.event) for original in found.originals]
    for analyzed in ("select 1", "analyze"):
        await ledger.execute(analyzed)
        for query, arguments in (
            ("of_person", [PERSON]),
            ("originals", [classes, *columns]),
            ("standing", [PERSON, [PROFILE], END_OF_TIME, END_OF_TIME]),
            ("sent_after_opt_out", [PERSON, messages, END_OF_TIME]),
        ):
            seen = await plan(ledger, sql[query], *arguments)
            large = r"Seq Scan on (person_events|message_deliveries|opt_out_events|events_\w+_2026_03)"
            assert re.search(large, seen) is None, seen


async def test_an_auditor_may_read_a_dossier(database_url: str, ledger: asyncpg.Connection) -> None:
    async with connected(database_url) as auditor:
        await auditor.execute("set role telnyx_auditor")
        assert len((await about(auditor)).originals) == story.THEIRS
