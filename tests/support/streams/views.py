"""Streams of webhooks around the last day, with every kind of sender, keyword and campaign that a view distinguishes.

A test renders a drawn step at its own moment, because views read the clock. No step is nearer than five minutes to the
border of 24 hours.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.support.streams import Webhook

MINUTES = (-2940, -1500, -1450, -1446, -1430, -70, -65, -64, -61, -60, -59, -30)
OUR_NUMBERS = ("+13125550100", "+17875550100", "+18005550100", "+18885550100", "+14165550100", "+18765550100", "12345")
PEOPLE = ("+13125550001", "+13125550002", "+13125550003")
PROFILES = ("p1", "p1", "p2", None)
TEXTS = ("STOP", "STOP", "start", "UNSTOP", "HELP", "please stop texting me", "cancel", "hi")
STATUSES = ("queued", "sent", "delivered", "read", "delivery_failed", "expired", "delivery_unconfirmed", "unheard of")
CODES = ("40300", "40002", "40017", "40008", "99999")
CAMPAIGNS = (("11111111-aaaa", "CAAA111"), ("22222222-bbbb", "CBBB222"))
EVENT_IDS = (None, "same", "same", "other", "a", "b", "c")


@dataclass(frozen=True)
class Step:
    """One webhook, so many minutes and seconds from the test's moment. `sent_second` is the offset of `sent_at`."""

    event_type: str
    account: str
    minute: int
    second: float
    event_id: str | None
    payload: dict[str, Any]
    sent_second: float | None
    late_seconds: int

    def at(self, now: datetime) -> Webhook:
        occurred_at = now + timedelta(minutes=self.minute, seconds=self.second)
        payload = dict(self.payload)
        if self.sent_second is not None:
            payload["sent_at"] = (now + timedelta(minutes=self.minute, seconds=self.sent_second)).isoformat()
        data = {"event_type": self.event_type, "occurred_at": occurred_at.isoformat(), "payload": payload}
        if self.event_id is not None:
            data["id"] = self.event_id
        body = json.dumps({"data": data}).encode()
        return Webhook(body, self.account, occurred_at + timedelta(seconds=self.late_seconds))


def steps(event_type: st.SearchStrategy[str], payload: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[Step]:
    seconds = st.sampled_from([0, 0, 0.5, 1, 45])
    return st.builds(
        Step,
        event_type=event_type,
        account=st.sampled_from(["a", "a", "a", "b"]),
        minute=st.sampled_from(MINUTES),
        second=seconds,
        event_id=st.sampled_from(EVENT_IDS),
        payload=payload,
        sent_second=st.none() | seconds,
        late_seconds=st.sampled_from([0, 0, 1, 240, 100_000]),
    )


def chosen(**fields: Sequence[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({name.rstrip("_"): st.sampled_from(values) for name, values in fields.items()})


RECIPIENT = chosen(
    phone_number=(*PEOPLE, None), status=STATUSES, carrier=("T-Mobile", "AT&T", None), line_type=("Wireless", "VoIP")
)
SENT = st.fixed_dictionaries(
    {
        "id": st.sampled_from([f"m{number}" for number in range(6)]),
        "to": st.lists(RECIPIENT, min_size=1, max_size=2),
        "from": st.sampled_from(OUR_NUMBERS),
        "messaging_profile_id": st.sampled_from(PROFILES),
        "errors": st.lists(chosen(code=CODES), max_size=2),
        "tcr_campaign_id": st.sampled_from([None, *(tcr for _, tcr in CAMPAIGNS)]),
        "parts": st.sampled_from([None, 1, 2]),
        "cost": st.sampled_from([None, "0.0051", "1.10", "99999999999999999999.00000000000000000001"]),
    }
)
HEARD = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["i1", "i2", "i3"]),
        "from": st.sampled_from(PEOPLE),
        "to": st.sampled_from([[number] for number in OUR_NUMBERS]),
        "text": st.sampled_from(TEXTS),
        "autoresponse_type": st.sampled_from([None, None, "STOP", "START", "HELP"]),
        "messaging_profile_id": st.sampled_from(PROFILES),
    }
)
CAMPAIGN = st.builds(
    lambda ids, said: {"campaignId": ids[0], "tcrCampaignId": ids[1], **said},
    st.sampled_from(CAMPAIGNS),
    st.sampled_from(
        [
            *({"type": "VERIFIED"}, {"type": "VERIFIED"}, {"type": "MNO_REVIEW", "status": "REJECTED"}),
            *({"type": "TELNYX_EVENT", "status": "DORMANT", "reasons": ["idle"]}, {"type": "NUMBER_POOL_PROVISIONED"}),
        ]
    ),
)
ASSIGNMENT = st.builds(
    lambda ids, number, said: {"campaignId": ids[0], "phoneNumber": number, "type": said[0], "status": said[1]},
    st.sampled_from(CAMPAIGNS),
    st.sampled_from(OUR_NUMBERS[:2]),
    st.sampled_from(
        [
            *(("ASSIGNMENT", "SUCCESS"), ("ASSIGNMENT", "SUCCESS"), ("ASSIGNMENT", "FAILED"), ("DELETION", "SUCCESS")),
            *(("DELETION", "FAILED"), ("STATUS_UPDATE", "PENDING")),
        ]
    ),
)
STEP = st.one_of(
    steps(st.sampled_from(["message.sent", "message.finalized"]), SENT),
    steps(st.sampled_from(["message.sent", "message.finalized"]), SENT),
    steps(st.just("message.received"), HEARD),
    steps(st.just("message.received"), HEARD),
    steps(st.just("10dlc.campaign.update"), CAMPAIGN),
    steps(st.just("10dlc.phone_number.update"), ASSIGNMENT),
)
STORIES = st.lists(STEP, min_size=8, max_size=30)
