"""The statuses that the words of Telnyx give to brands, campaigns and numbers (docs/semantics.md, section 7).

Words are compared in upper case. `type` is the type of the payload; `word` is its eventType, else its type.
"""

from dataclasses import dataclass

CAMPAIGN_STATUSES = frozenset(
    """TCR_PENDING TCR_ACCEPTED TCR_FAILED TCR_SUSPENDED TCR_EXPIRED TELNYX_ACCEPTED TELNYX_FAILED
    MNO_PENDING MNO_ACCEPTED MNO_REJECTED MNO_PROVISIONED MNO_PROVISIONING_FAILED""".split()  # noqa: SIM905 - as there
)
SUSPENDED = "TCR_SUSPENDED"
RESUMED = "the status before it was suspended"


@dataclass(frozen=True, slots=True)
class Rule:
    """A fact that has the given `type`, `word` and `status` states `new_status`; None accepts any value.

    It states nothing if the campaign is at a status of `unless_at`, or outside `only_at` if that is given.
    """

    new_status: str
    type: str | None = None
    word: str | None = None
    status: str | None = None
    unless_at: tuple[str, ...] = ()
    only_at: tuple[str, ...] = ()


# A valid campaignStatus takes precedence over these rules. Then the first rule that fits decides, even if it states
# nothing.
CAMPAIGN_RULES = (
    Rule("TCR_FAILED", type="REGISTRATION", status="FAILED"),
    Rule("MNO_PENDING", type="TELNYX_REVIEW", status="ACCEPTED"),
    Rule("TELNYX_FAILED", type="TELNYX_REVIEW", status="REJECTED"),
    Rule("MNO_ACCEPTED", type="MNO_REVIEW", status="ACCEPTED", unless_at=("MNO_PROVISIONED",)),
    Rule("MNO_REJECTED", type="MNO_REVIEW", status="REJECTED"),
    Rule("TCR_SUSPENDED", type="TELNYX_EVENT", status="DORMANT"),
    Rule("MNO_PROVISIONED", word="VERIFIED"),
    Rule("TCR_ACCEPTED", word="CAMPAIGN_ADD"),
    Rule("TCR_EXPIRED", word="CAMPAIGN_EXPIRED"),
    Rule("TCR_PENDING", word="CAMPAIGN_RESUBMISSION"),
    Rule("TCR_ACCEPTED", word="CAMPAIGN_NUDGE", only_at=("TELNYX_FAILED", "MNO_REJECTED")),
    Rule("TCR_ACCEPTED", word="CAMPAIGN_UPDATE", only_at=("TELNYX_FAILED",)),
    Rule(
        "MNO_PENDING",
        word="MNO_CAMPAIGN_OPERATION_REVIEW",
        unless_at=("MNO_ACCEPTED", "MNO_PROVISIONED", "TCR_SUSPENDED", "TCR_EXPIRED"),
    ),
    Rule(
        "MNO_ACCEPTED",
        word="MNO_CAMPAIGN_OPERATION_APPROVED",
        unless_at=("MNO_PROVISIONED", "TCR_SUSPENDED", "TCR_EXPIRED"),
    ),
    Rule("MNO_REJECTED", word="MNO_CAMPAIGN_OPERATION_REJECTED"),
    Rule("TCR_SUSPENDED", word="MNO_CAMPAIGN_OPERATION_SUSPENDED"),
    Rule(RESUMED, word="MNO_CAMPAIGN_OPERATION_UNSUSPENDED", only_at=(SUSPENDED,)),
)

# From status to statuses. The submission itself sends no webhook, so a campaign may begin at any of three.
DOCUMENTED_TRANSITIONS: dict[str | None, tuple[str, ...]] = {
    None: ("TCR_PENDING", "TCR_ACCEPTED", "TCR_FAILED"),
    "TCR_PENDING": ("TCR_ACCEPTED", "TCR_FAILED"),
    "TCR_ACCEPTED": ("MNO_PENDING", "TELNYX_FAILED", "TCR_SUSPENDED"),
    "MNO_PENDING": ("MNO_ACCEPTED", "MNO_PROVISIONED", "MNO_REJECTED"),
    "MNO_ACCEPTED": ("MNO_PROVISIONED", "MNO_REJECTED"),
    "TELNYX_FAILED": ("TCR_ACCEPTED",),
    "MNO_REJECTED": ("TCR_ACCEPTED", "MNO_PENDING"),
    "MNO_PROVISIONED": ("TCR_SUSPENDED", "TCR_EXPIRED"),
}

NUMBER_POOL = {"NUMBER_POOL_PROVISIONED": True, "NUMBER_POOL_DEPROVISIONED": False}  # by type

# By (word, status); the status None is a fact without status.
REGISTRATION_STATUS: dict[tuple[str | None, str | None], str] = {
    ("REGISTRATION", "SUCCESS"): "OK",
    ("REGISTRATION", "FAILED"): "REGISTRATION_FAILED",
    ("BRAND_ADD", "SUCCESS"): "OK",
    ("BRAND_ADD", None): "OK",
    ("BRAND_ADD", "FAILED"): "REGISTRATION_FAILED",
}
VETTING_STATUS: dict[tuple[str | None, str | None], str] = {
    ("ORDER_EXTERNAL_VETTING", "SUCCESS"): "VETTING_ORDERED",
    ("ORDER_EXTERNAL_VETTING", None): "VETTING_ORDERED",
    ("ORDER_EXTERNAL_VETTING", "FAILED"): "VETTING_ORDER_FAILED",
    ("REVET", "SUCCESS"): "REVET_REQUESTED",
    ("REVET", None): "REVET_REQUESTED",
    ("REVET", "FAILED"): "REVET_FAILED",
    ("BRAND_REVET", "SUCCESS"): "REVET_COMPLETED",
    ("BRAND_REVET", None): "REVET_COMPLETED",
    ("BRAND_REVET", "FAILED"): "REVET_FAILED",
    ("BRAND_APPEAL_ADD", "SUCCESS"): "APPEAL_PENDING",
    ("BRAND_APPEAL_ADD", None): "APPEAL_PENDING",
    ("BRAND_APPEAL_ADD", "FAILED"): "APPEAL_FAILED",
    ("BRAND_APPEAL_COMPLETE", "SUCCESS"): "APPEAL_COMPLETED",
    ("BRAND_APPEAL_COMPLETE", None): "APPEAL_COMPLETED",
    ("BRAND_APPEAL_COMPLETE", "FAILED"): "APPEAL_FAILED",
}

# By (type, status); the type None is a fact without type.
NUMBER_STATUS: dict[tuple[str | None, str | None], str] = {
    ("ASSIGNMENT", "SUCCESS"): "ASSIGNED",
    ("ASSIGNMENT", "FAILED"): "FAILED_ASSIGNMENT",
    ("DELETION", "SUCCESS"): "UNASSIGNED",
    ("DELETION", "FAILED"): "FAILED_UNASSIGNMENT",
    **{
        (kind, status): state
        for kind in ("STATUS_UPDATE", None)
        for status, state in {
            "ADDED": "ASSIGNED",
            "PENDING": "PENDING",
            "DELETED": "UNASSIGNED",
            "FAILED": "FAILED",
        }.items()
    },
}
