"""Webhooks about a few hosted orders, toll-free verifications, spend limits and clicks, well and badly formed."""

from typing import Any

from hypothesis import strategies as st

from tests.support.streams.pools import MONEY, PROFILES, TIMES, an_event, an_object, pool, weighted
from tests.support.webhooks.malformed import Raw

NUMBERS = ("+13125550001", "13125550001", 13125550001, "+13125550002", "(312) 555-0003")
ORDER_STATUSES = ("pending", "Provisioning", "SUCCESSFUL", "failed", " deleted ", "loa_file_invalid")
NUMBER_STATUSES = ("pending", "Ownership_Successful", "failed_timeout", "SUCCESSFUL", "deleted")
DEADLINES = (
    *(1588280767, "1588280767", " 1588280768 ", "999999999", "99999999", "15882807670", "-1588280767", -1, 0, 86400),
    *map(Raw, ("1588280767.1234567", "1.5e9", "7258118399.9999999", "7258118400", "1588280767.0")),
)
HOSTED_ITEM = st.fixed_dictionaries({"value": pool(*NUMBERS, share=12), "status": pool(*NUMBER_STATUSES)})
HOSTED = st.fixed_dictionaries(
    {"order_id": pool("o1", "o1", "o2", 3, share=12)},
    optional={
        "order_status": pool(*ORDER_STATUSES),
        "profile_id": PROFILES,
        "decision": pool("pending", "Approved", "REJECTED"),
        "approval_decision": pool("approved", "rejected"),
        "approval_deadline": pool(*DEADLINES, share=12) | TIMES,
        "numbers": st.lists(HOSTED_ITEM, max_size=3) | HOSTED_ITEM | pool("+13125550001", share=1),
    },
)
# Well-formed webhooks about one order: each of its columns comes from another event.
COURSE = st.fixed_dictionaries(
    {"order_id": st.sampled_from(["o1", None])},
    optional={
        "order_status": st.sampled_from(ORDER_STATUSES[:3]),
        "decision": st.sampled_from(["pending", "approved"]),
        "numbers": st.lists(
            st.fixed_dictionaries(
                {"value": st.sampled_from(NUMBERS[:4]), "status": st.sampled_from(NUMBER_STATUSES[:3])}
            ),
            max_size=2,
        ),
    },
)
HOSTED_TYPES = tuple(
    f"messaging_hosted_numbers_orders.{kind}"
    for kind in ("created", "updated", "updated", "deleted", "internal_transfer_approved", "", "x.deleted", "Deleted")
)
TOLL_FREE = st.fixed_dictionaries(
    {"id": pool("v1", "v1", "v2", share=12)},
    optional={
        "status": pool("verified", "Rejected", "Waiting For Vendor", "in--_ progress", "- -", share=12),
        "rejectionReason": pool("r1", "r2", share=1),
        "rejection_reason": pool("r3", share=1),
        "reason": pool("r4", share=1),
    },
)
SPEND_LIMIT = an_object(
    profile_id=PROFILES, configured_limit=pool(*MONEY, "10.00"), current_cost=pool(*MONEY, "10.02", Raw("10.020"))
)
CLICK: dict[str, st.SearchStrategy[Any]] = {
    "message_id": pool("m1", "m2", 3),
    "to": pool(*NUMBERS) | an_object(phone_number=pool(*NUMBERS), agent_id=pool("agent")),
    "url": pool("https://example.com/", " u "),
    "time_clicked": TIMES,
}
LINK_CLICK = st.fixed_dictionaries(
    {"record_type": pool("link_clicked", "Link_Clicked ")}, optional={**CLICK, "occurred_at": TIMES}
)
RESOURCES = weighted(
    (4, an_event(HOSTED_TYPES, HOSTED)),
    (5, an_event(HOSTED_TYPES[:4], COURSE)),
    (
        4,
        an_event(
            ("toll_free_verification.status_update", "toll_free_verification.", "toll_free_verification"), TOLL_FREE
        ),
    ),
    (3, an_event(("messaging-profile.spend-limit-reached",) * 3 + ("messaging-profile.spend-limit",), SPEND_LIMIT)),
    (2, LINK_CLICK),
    (1, an_event(("link_clicked", "link_clicked "), an_object(**CLICK))),
)
