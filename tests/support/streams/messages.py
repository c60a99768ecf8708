"""Webhooks about a few messages and people, well and badly formed, and some of types that feed no table."""

from typing import Any

from hypothesis import strategies as st

from tests.support.streams.pools import MONEY, PROFILES, TIMES, an_event, an_object, pool, weighted
from tests.support.webhooks.malformed import Raw

OUR_NUMBERS = ("+18445550001", "1 (844) 555-0002", "12345")
PEOPLE = (
    *("+13125550001", "+13125550001", "1 (312) 555-0001", 13125550001),
    *("+13125550002", "13125550002", "+1312555****"),
)
STATUSES = (
    *("queued", "sending", "sent", "SENT", "delivered", "Delivered", "delivery_failed", "sending_failed", "expired"),
    *("delivery_unconfirmed", "read", "unknown", "webhook_delivered", "scheduled", "cancelled", "gw_timeout", "failed"),
)
TEXTS = (
    *("STOP", "stop.", "\uff33\uff34\uff2f\uff30", "Stop All", "opt-out", "OPT OUT!", "please stop", "Unsubscribe me"),
    *("START", "unstop", "un-stop", "help", "HELP?", "info", "please stop texting me", "stop it", "nonstop", "Yes"),
    *("  Arr\u00eat\n complet ", "x" * 40, "x" * 41, "\u00df" * 21, "stop\0", "\u017ftop", "end", "Cancel", "quit"),
)
AUTORESPONSES = (None, None, None, "STOP", "STOP", "stop ", "Start", "START", "START", "HELP", "Info", "HOURS", "")
BLOCKED: tuple[Any, ...] = (
    *([{"code": "40300", "title": "Blocked"}], {"code": 40300}),
    [{"code": "40001"}, {"code": " 40300 ", "detail": "D"}],
)
ERRORS = (*BLOCKED, [], None, "plain", ["plain", {"title": "T"}, {"title": "T", "detail": "D", "code": "1"}], [40300])

# --- payloads --------------------------------------------------------------------------------------------------------

PERSON = st.one_of(pool(*PEOPLE), an_object(phone_number=pool(*PEOPLE), carrier=pool("T-Mobile", "AT&T")))
RECIPIENT = st.fixed_dictionaries(
    {"phone_number": pool(*PEOPLE, share=12)},
    optional={
        "status": pool(*STATUSES),
        "carrier": pool("T-Mobile", "AT&T", "Verizon"),
        "line_type": pool("Wireless", "VoIP"),
        "error_code": pool("40300", 40001, None),
        "error_message": pool("plain", "T"),
    },
)
RECIPIENTS = st.one_of(
    st.lists(RECIPIENT, min_size=1, max_size=3), st.lists(st.one_of(RECIPIENT, PERSON), max_size=3), RECIPIENT, PERSON
)
SENDER = st.one_of(
    pool(*OUR_NUMBERS), an_object(phone_number=pool(*OUR_NUMBERS), agent_id=pool("agent"), carrier=pool("Telnyx"))
)
MEDIA = pool(
    *([], None, [{"url": "u", "size": None}], {"url": "a\0b", "n": {"\0": ["\0"]}}, [Raw("0.50"), {"x": 2**53}]),
    *(True, "\0", [None], [{"size": Raw("0.12345678901234567890")}], [Raw("1e-20000"), {"y": Raw("12" * 60)}]),
)
MESSAGE_IDS = pool("m1", "m1", "m2", "m2", "m3", 3, share=12)

OUTBOUND = an_object(
    id=MESSAGE_IDS, to=RECIPIENTS, cc=RECIPIENTS, from_=SENDER, messaging_profile_id=PROFILES, received_at=TIMES,
    sent_at=TIMES, completed_at=TIMES,
    cost=st.one_of(an_object(amount=pool(*MONEY), currency=pool("USD", "EUR")), pool(*MONEY)),
    cost_breakdown=an_object(carrier_fee=an_object(amount=pool(*MONEY))), errors=pool(*ERRORS),
    type=pool("SMS", "MMS", "sms"), encoding=pool("GSM-7", "UCS-2"), parts=pool(1, 2, 10),
    tags=pool([], ["a"], ["a", "b"], ["a", None, 'q"\\', "NULL", "é"], "one"), tcr_campaign_id=pool("CNZO3VL", "C1"),
    group_message_id=pool("g1", "g2"),
)  # fmt: skip
INBOUND = an_object(
    id=MESSAGE_IDS, to=RECIPIENTS, cc=RECIPIENTS, from_=PERSON, messaging_profile_id=PROFILES, received_at=TIMES,
    text=pool(*TEXTS), body=an_object(text=pool(*TEXTS), suggestion_response=an_object(text=pool(*TEXTS))), media=MEDIA,
    autoresponse_type=pool(*AUTORESPONSES), type=pool("SMS", "RCS"), encoding=pool("GSM-7"), parts=pool(1, 2),
)  # fmt: skip
# Well-formed webhooks: one message of one person is seen often enough for its columns to disagree.
LIFE_CYCLE = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["m1", "m1", "m1", "m2"]),
        "to": st.lists(
            st.fixed_dictionaries(
                {"phone_number": st.sampled_from(PEOPLE[:5]), "status": st.sampled_from((*STATUSES, "sent", "sent"))},
                optional={"carrier": st.sampled_from(["T-Mobile", "AT&T"]), "error_code": st.sampled_from(["1", "2"])},
            ),
            min_size=1,
            max_size=2,
        ),
        "cost": st.sampled_from([None, "0.0051", "0.0040", Raw("0.0052"), "0.0053", "0.10"]),
        "sent_at": TIMES,
        "completed_at": TIMES,
    },
    optional={"tags": st.sampled_from([["a"], ["a", "b"], ["b"]]), "parts": st.sampled_from([1, 2])},
)
# Well-formed webhooks: people opt out and in again often enough for a history.
CONSENT = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["m1", "i1", "i2"]),
        "from": st.sampled_from(PEOPLE[:5]),
        "text": st.sampled_from(TEXTS),
        "autoresponse_type": st.sampled_from(AUTORESPONSES),
        "messaging_profile_id": st.sampled_from(["p1", "p1", "p1", None]),
        "to": st.sampled_from([[{"phone_number": number}] for number in OUR_NUMBERS]),
    }
)
REFUSED = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["m1", "m2"]),
        "to": st.lists(RECIPIENT, min_size=1, max_size=2),
        "errors": st.sampled_from(BLOCKED),
        "from": st.sampled_from(OUR_NUMBERS),
        "messaging_profile_id": st.sampled_from(["p1", "p1", "p1", None]),
        "received_at": TIMES,
    }
)
ANYTHING = st.one_of(OUTBOUND, INBOUND, pool("payload", share=1))
LIFE = ("message.sent", "message.finalized", "message.finalized", "message.read")
OTHER = (
    *("message.delivered", "Message.sent", " message.sent ", "call.initiated", "10dlc.campaign.update", "é" * 300),
    *("messaging_hosted_numbers_orders.created", "toll_free_verification.status_update", "\0", None, 5, "message."),
)
MESSAGES = weighted(
    (3, an_event(LIFE, OUTBOUND)),
    (6, an_event(LIFE, LIFE_CYCLE)),
    (2, an_event(("message.received",), INBOUND)),
    (5, an_event(("message.received",), CONSENT)),
    (2, an_event(LIFE[:2], REFUSED)),
    (1, an_event((*OTHER, *LIFE, "message.received"), ANYTHING)),
)
