"""Streams of webhooks that collide: few messages, persons, profiles and moments, well and badly formed, for hypothesis.

The pools are small on purpose. A law about order and repetition says something only where events meet in one row, at
one time, with contradictory values; and where what cannot be read stands beside what can.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.hostile import BROKEN, HOSTILE, Raw, written

BASE = datetime(2026, 2, 28, 23, 58, tzinfo=UTC)
STEP = timedelta(seconds=30)
LAST_STEP = 8
ACCOUNTS = ("a", "b")


def pool(*good: Any, share: int = 8) -> st.SearchStrategy[Any]:
    """One of the good values, about `share` times as often as a hostile one."""
    return st.sampled_from([*list(good) * (1 + share * len(HOSTILE) // len(good)), *HOSTILE])


def weighted(*choices: tuple[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """One of the strategies, each as often as its weight says (`one_of` counts the branches inside)."""
    drawn = [strategy for weight, strategy in choices for _ in range(weight)]
    return st.integers(0, len(drawn) - 1).flatmap(drawn.__getitem__)


def an_object(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object whose members may each be absent; `from_` stands for `from`."""
    return st.fixed_dictionaries({}, optional={name.rstrip("_"): strategy for name, strategy in fields.items()})


def _spellings() -> list[str]:
    """Every moment of the grid, in several spellings of the vendor's."""
    found = []
    for step in range(LAST_STEP + 1):
        at = BASE + step * STEP
        local = (at - timedelta(hours=5)).replace(tzinfo=None).isoformat()
        found += [at.isoformat(timespec="milliseconds"), f"{local}.0000009-05", at.isoformat(" ")[:19], f" {at:%FT%T}z"]
    return found


TIMES = pool(*_spellings(), share=20)
PROFILES = pool("p1", "p1", "p2", "p2", None, 7, share=4)
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
MONEY = (
    *(None, "0.0051", "0.0040", "-1.50", "0.00000", Raw("0.0052"), Raw("7"), "NaN", "1e5", " 1", "1" * 20, "1" * 21),
    *("0." + "1" * 20, "0." + "1" * 21, Raw("1e19"), Raw("1e20"), Raw("1.10e-7"), Raw("0.0000000000000000000000001")),
)
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
# No hostile numbers: how exactly jsonb keeps them has a test of its own.
MEDIA = st.sampled_from(
    [
        [],
        None,
        [{"url": "u", "size": None}],
        {"url": "a\0b", "n": {"\0": ["\0"]}},
        [Raw("0.50"), {"x": 2**53}],
        True,
        "\0",
        [None],
    ]
)
MESSAGE_IDS = pool("m1", "m1", "m2", "m2", "m3", 3, share=12)

OUTBOUND = an_object(
    id=MESSAGE_IDS,
    to=RECIPIENTS,
    cc=RECIPIENTS,
    from_=SENDER,
    messaging_profile_id=PROFILES,
    received_at=TIMES,
    sent_at=TIMES,
    completed_at=TIMES,
    cost=st.one_of(an_object(amount=pool(*MONEY), currency=pool("USD", "EUR")), pool(*MONEY)),
    cost_breakdown=an_object(carrier_fee=an_object(amount=pool(*MONEY))),
    errors=pool(*ERRORS),
    type=pool("SMS", "MMS", "sms"),
    encoding=pool("GSM-7", "UCS-2"),
    parts=pool(1, 2, 10),
    tags=pool([], ["a"], ["a", "b"], ["a", None, 'q"\\', "NULL", "é"], "one"),
    tcr_campaign_id=pool("CNZO3VL", "C1"),
    group_message_id=pool("g1", "g2"),
)
INBOUND = an_object(
    id=MESSAGE_IDS,
    to=RECIPIENTS,
    cc=RECIPIENTS,
    from_=PERSON,
    messaging_profile_id=PROFILES,
    received_at=TIMES,
    text=pool(*TEXTS),
    body=an_object(text=pool(*TEXTS), suggestion_response=an_object(text=pool(*TEXTS))),
    media=MEDIA,
    autoresponse_type=pool(*AUTORESPONSES),
    type=pool("SMS", "RCS"),
    encoding=pool("GSM-7"),
    parts=pool(1, 2),
)
# Plain ones, so that one message of one person is seen often enough for its columns to disagree.
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
# Plain ones, so that people are opted out and in again often enough for a history.
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

# --- webhooks --------------------------------------------------------------------------------------------------------


def _data(event_types: Sequence[Any], payload: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"event_type": st.sampled_from(event_types), "occurred_at": TIMES, "payload": payload},
        optional={"id": pool("e1", "e2", 17), "record_type": pool("event")},
    )


LIFE = ("message.sent", "message.finalized", "message.finalized", "message.read")
OTHER = (
    *("message.delivered", "Message.sent", " message.sent ", "call.initiated", "10dlc.campaign.update", "é" * 300),
    *("messaging_hosted_numbers_orders.created", "toll_free_verification.status_update", "\0", None, 5, "message."),
)
LINK_CLICK = st.fixed_dictionaries(
    {"record_type": pool("link_clicked", "Link_Clicked ")}, optional={"time_clicked": TIMES, "to": PERSON}
)
DATA = weighted(
    (3, _data(LIFE, OUTBOUND)),
    (6, _data(LIFE, LIFE_CYCLE)),
    (2, _data(("message.received",), INBOUND)),
    (5, _data(("message.received",), CONSENT)),
    (2, _data(LIFE[:2], REFUSED)),
    (1, _data((*OTHER, *LIFE, "message.received"), ANYTHING)),
    (1, LINK_CLICK),
)
FIRST_ATTEMPT = b'{"meta":{"attempt":1},'


@dataclass(frozen=True)
class Webhook:
    """One delivery before it is signed: what is posted, by whom, when, and whether its signature was too old."""

    body: bytes
    account: str
    received_at: datetime
    refused: str | None = None

    def again(self, attempt: int) -> "Webhook":
        """A later delivery of the same event: other bytes where the body can be read, equal `data`."""
        body = self.body.replace(FIRST_ATTEMPT, b'{"meta":{"attempt":%d},\n' % attempt, 1)
        return replace(self, body=body, received_at=self.received_at + attempt * STEP)


def body_of(data: Any) -> bytes:
    return FIRST_ATTEMPT + b'"data":' + written(data).encode() + b"}"


BODIES = weighted((14, DATA.map(body_of)), (1, st.sampled_from(BROKEN)))
RECEIVED_AT = st.integers(0, LAST_STEP + 2).map(lambda step: BASE + step * STEP)
WEBHOOKS = st.builds(
    Webhook,
    body=BODIES,
    account=st.sampled_from(["a"] * 9 + ["b"]),
    received_at=RECEIVED_AT,
    refused=st.sampled_from([None] * 28 + ["stale_timestamp", "future_timestamp"]),
)
MOMENTS = st.integers(-1, LAST_STEP + 3).map(lambda step: BASE + step * STEP)


def streams(max_size: int = 18) -> st.SearchStrategy[list[Webhook]]:
    """Streams of deliveries in the order of their arrival."""
    return st.lists(WEBHOOKS, min_size=max_size // 3, max_size=max_size)


def shuffled(stream: Sequence[Webhook], seed: int) -> list[Webhook]:
    """The same deliveries in another order."""
    order = list(stream)
    random.Random(seed).shuffle(order)
    return order


def repeated(stream: Sequence[Webhook], seed: int) -> list[Webhook]:
    """The same events, some of them delivered again later; rarely to the other account's URL."""
    chance = random.Random(seed)
    order = list(stream)
    for webhook in stream:
        for attempt in range(2, 2 + chance.choice((0, 1, 1, 2))):
            copy = webhook.again(attempt)
            if chance.random() < 0.05:
                copy = replace(copy, account=chance.choice(ACCOUNTS))
            order.insert(chance.randrange(len(order) + 1), copy)
    return order


def split(stream: Sequence[Webhook], seed: int) -> list[list[Webhook]]:
    """The stream cut into batches at random places."""
    chance = random.Random(seed)
    batches: list[list[Webhook]] = [[]]
    for webhook in stream:
        if chance.random() < 0.4:
            batches.append([])
        batches[-1].append(webhook)
    return [batch for batch in batches if batch]


def parts(stream: Sequence[Webhook], seed: int) -> list[Sequence[Webhook]]:
    """The stream in three pieces, some of them empty."""
    chance = random.Random(seed)
    first, last = sorted((chance.randint(0, len(stream)), chance.randint(0, len(stream))))
    return [stream[:first], stream[first:last], stream[last:]]
