"""The oracle's rules of consent on cases worked out by hand from docs/semantics.md, section 6."""

from datetime import datetime, timedelta

import pytest

from tests.oracle.opt_outs import match, opt_outs_as_of
from tests.oracle.tables import stored_events
from tests.support.webhooks import builders
from tests.support.webhooks.builders import NOON, PERSON, PROFILE
from tests.support.webhooks.builders import OUR_NUMBER as OURS
from tests.support.webhooks.oracle_rows import delivery, only, rows


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Stop!", ("opt_out", "STOP")),
        ("\uff33\uff34\uff2f\uff30", ("opt_out", "STOP")),
        ("stop—all", ("opt_out", "STOP ALL")),
        ("Opt-Out", ("opt_out", "OPT OUT")),
        ("please,  stop", ("opt_out", "PLEASE STOP")),
        ("stop it", None),
        ("don't stop", None),
        ("un stop", None),
        ("UNSTOP", ("opt_in", "UNSTOP")),
        ("start now", None),
        ("help", ("help", "HELP")),
        ("help me", None),
        ("could you stop texting me", ("opt_out", "STOP TEXTING")),
        ("stop texting and unsubscribe me", ("opt_out", "UNSUBSCRIBE")),
        ("unsubscribed", None),
        ("opt me out please", ("opt_out", "OPT ME OUT")),
        ("", None),
        ("…", None),
    ],
)
def test_the_keyword_of_a_text(written: str, expected: tuple[str, str] | None) -> None:
    assert match(written) == expected


@pytest.mark.parametrize(
    ("autoresponse", "written", "expected"),
    [
        ("stop ", "  arrêt \n total ", ("opt_out", "autoresponse", "ARRÊT TOTAL", True)),
        ("START", "x" * 41, ("opt_in", "autoresponse", None, False)),
        ("INFO", None, ("help", "autoresponse", None, False)),
        ("HOURS", "stop", ("opt_out", "keyword", "STOP", False)),
        (None, "Revoke", ("opt_out", "keyword", "REVOKE", False)),
        ("STOP", "start", ("opt_out", "autoresponse", "START", True)),
    ],
)
def test_opt_out_facts(autoresponse: object, written: str | None, expected: tuple[object, ...]) -> None:
    row = only("opt_out_events", builders.message_received(text=written, autoresponse_type=autoresponse))
    assert (row["action"], row["basis"], row["keyword"], row["telnyx_blocked"]) == expected
    assert (row["phone_number"], row["via_number"], row["messaging_profile_id"]) == (PERSON, OURS, PROFILE)


def test_a_refused_send_is_a_fact_of_the_recipient_that_carries_the_code() -> None:
    to = [builders.recipient("1", "failed", error_code="40300"), builders.recipient("2", "failed")]
    webhook = builders.message_finalized(to=to, messaging_profile_id=None)
    row = only("opt_out_events", webhook)
    assert (row["phone_number"], row["basis"], row["keyword"], row["via_number"]) == ("1", "blocked_send", None, OURS)
    assert (row["messaging_profile_id"], row["telnyx_blocked"]) == ("", True)


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


def test_a_repeated_stop_keeps_the_time_of_the_opt_out() -> None:
    events = [
        builders.stop_received("a", at=minutes(0)),
        builders.stop_received("b", at=minutes(5)),
        builders.send_refused(at=minutes(9)),
    ]
    row = only("opt_outs", *reversed(events))
    assert (row["opted_out"], row["changed_at"], row["basis"]) == (True, minutes(0), "autoresponse")


def test_start_ends_an_opt_out_and_a_later_stop_begins_a_new_one() -> None:
    events = [
        builders.stop_received("a", at=minutes(0)),
        builders.start_received("b", at=minutes(1)),
        builders.stop_received("c", at=minutes(2)),
    ]
    assert only("opt_outs", *events)["changed_at"] == minutes(2)
    row = only("opt_outs", *events[:2])
    assert (row["opted_out"], row["changed_at"], row["telnyx_blocked"]) == (False, minutes(1), False)


def test_a_refused_send_from_before_the_consent_does_not_count() -> None:
    refused = builders.send_refused(at=minutes(0))  # tried at 0, refused two seconds later
    start = builders.start_received(at=minutes(0) + timedelta(seconds=1))
    assert only("opt_outs", refused, start)["opted_out"] is False
    at_once = builders.start_received(at=minutes(0))
    assert only("opt_outs", refused, at_once)["opted_out"] is False
    earlier = builders.start_received(at=minutes(-1))
    assert only("opt_outs", refused, earlier)["opted_out"] is True


def test_a_refused_send_alone_is_an_opt_out() -> None:
    row = only("opt_outs", builders.send_refused())
    assert (row["opted_out"], row["basis"], row["telnyx_blocked"]) == (True, "blocked_send", True)


def test_only_earlier_consents_outdate_a_refused_send() -> None:
    refused = builders.send_refused(at=minutes(0))
    row = only("opt_outs", refused, builders.start_received(at=minutes(5)), builders.stop_received(at=minutes(-5)))
    assert (row["opted_out"], row["changed_at"]) == (False, minutes(5))


def test_a_keyword_leaves_the_block_as_it_was() -> None:
    stop = builders.stop_received("a", at=minutes(0))
    unanswered_start = builders.message_received("b", text="start", at=minutes(1))
    row = only("opt_outs", stop, unanswered_start)
    assert (row["opted_out"], row["telnyx_blocked"], row["basis"]) == (False, True, "keyword")
    row = only("opt_outs", builders.message_received(text="revoke"))
    assert (row["opted_out"], row["telnyx_blocked"]) == (True, False)


def test_help_is_a_fact_but_makes_no_row() -> None:
    webhook = builders.message_received(text="help")
    assert only("opt_out_events", webhook)["action"] == "help"
    assert rows("opt_outs", webhook) == {}


def test_profiles_are_separate() -> None:
    webhooks = [builders.stop_received("a"), builders.start_received("b", messaging_profile_id=None)]
    found = rows("opt_outs", *webhooks)
    assert {profile: row["opted_out"] for (profile, _), row in found.items()} == {PROFILE: True, "": False}


def test_as_of_takes_events_that_had_happened_and_were_known() -> None:
    deliveries = [
        delivery(builders.stop_received("a", at=minutes(0)), received_at=minutes(0)),
        delivery(builders.start_received("b", at=minutes(1)), received_at=minutes(60)),
    ]
    events = stored_events(deliveries)

    def state(at: datetime, known_at: datetime | None = None) -> list[object]:
        return [row["opted_out"] for row in opt_outs_as_of(events, at, known_at).values()]

    assert state(minutes(-1)) == []
    assert state(minutes(0)) == [True]
    assert state(minutes(1)) == [False]
    assert state(minutes(1), minutes(1)) == [True]
