"""docs/semantics.md, section 7, campaigns and campaign_transitions: facts folded in order, from status null."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tests.oracle.bodies import Event
from tests.oracle.rows import Row, Rows
from tests.oracle.ten_dlc.facts import Fact, facts
from tests.oracle.ten_dlc.ids import Ids
from tests.oracle.values import id_, latest, text, upper

STATUSES = (
    *("TCR_PENDING", "TCR_ACCEPTED", "TCR_FAILED", "TCR_SUSPENDED", "TCR_EXPIRED", "TELNYX_ACCEPTED", "TELNYX_FAILED"),
    *("MNO_PENDING", "MNO_ACCEPTED", "MNO_REJECTED", "MNO_PROVISIONED", "MNO_PROVISIONING_FAILED"),
)
DOCUMENTED: dict[str | None, tuple[str, ...]] = {
    None: ("TCR_PENDING", "TCR_ACCEPTED", "TCR_FAILED"),
    "TCR_PENDING": ("TCR_ACCEPTED", "TCR_FAILED"),
    "TCR_ACCEPTED": ("MNO_PENDING", "TELNYX_FAILED", "TCR_SUSPENDED"),
    "MNO_PENDING": ("MNO_ACCEPTED", "MNO_PROVISIONED", "MNO_REJECTED"),
    "MNO_ACCEPTED": ("MNO_PROVISIONED", "MNO_REJECTED"),
    "TELNYX_FAILED": ("TCR_ACCEPTED",),
    "MNO_REJECTED": ("TCR_ACCEPTED", "MNO_PENDING"),
    "MNO_PROVISIONED": ("TCR_SUSPENDED", "TCR_EXPIRED"),
}
NUMBER_POOL = {"NUMBER_POOL_PROVISIONED": True, "NUMBER_POOL_DEPROVISIONED": False}


@dataclass(frozen=True)
class Transition:
    """A stated status that differs from the one before."""

    before: str | None
    after: str
    fact: Fact


def stated(fact: Fact, now: str | None, before_now: str | None) -> str | None:
    """The status that a fact states at the status `now`, which was entered from `before_now`; None: nothing."""
    # Ambiguous: "the first rule that fits" asks for type, word and status. A rule that fits and says "nothing" at the
    # present status ends the search.
    campaign_status = upper(fact.p.get("campaignStatus"))
    if campaign_status in STATUSES:
        return campaign_status
    match fact.type, fact.status:
        case "REGISTRATION", "FAILED":
            return "TCR_FAILED"
        case "TELNYX_REVIEW", "ACCEPTED":
            return "MNO_PENDING"
        case "TELNYX_REVIEW", "REJECTED":
            return "TELNYX_FAILED"
        case "MNO_REVIEW", "ACCEPTED":
            return None if now == "MNO_PROVISIONED" else "MNO_ACCEPTED"
        case "MNO_REVIEW", "REJECTED":
            return "MNO_REJECTED"
        case "TELNYX_EVENT", "DORMANT":
            return "TCR_SUSPENDED"
    return _stated_by_word(fact.word, now, before_now)


def _stated_by_word(word: str | None, now: str | None, before_now: str | None) -> str | None:
    # Ambiguous: `…_APPROVED` and so on abbreviate MNO_CAMPAIGN_OPERATION_APPROVED, not any word with that ending.
    match word:
        case "VERIFIED":
            return "MNO_PROVISIONED"
        case "CAMPAIGN_ADD":
            return "TCR_ACCEPTED"
        case "CAMPAIGN_EXPIRED":
            return "TCR_EXPIRED"
        case "CAMPAIGN_RESUBMISSION":
            return "TCR_PENDING"
        case "CAMPAIGN_NUDGE":
            return "TCR_ACCEPTED" if now in {"TELNYX_FAILED", "MNO_REJECTED"} else None
        case "CAMPAIGN_UPDATE":
            return "TCR_ACCEPTED" if now == "TELNYX_FAILED" else None
        case "MNO_CAMPAIGN_OPERATION_REVIEW":
            stays = {"MNO_ACCEPTED", "MNO_PROVISIONED", "TCR_SUSPENDED", "TCR_EXPIRED"}
            return None if now in stays else "MNO_PENDING"
        case "MNO_CAMPAIGN_OPERATION_APPROVED":
            return None if now in {"MNO_PROVISIONED", "TCR_SUSPENDED", "TCR_EXPIRED"} else "MNO_ACCEPTED"
        case "MNO_CAMPAIGN_OPERATION_REJECTED":
            return "MNO_REJECTED"
        case "MNO_CAMPAIGN_OPERATION_SUSPENDED":
            return "TCR_SUSPENDED"
        case "MNO_CAMPAIGN_OPERATION_UNSUSPENDED":
            return (before_now or "MNO_PENDING") if now == "TCR_SUSPENDED" else None
    return None


@dataclass
class Course:
    """The facts of one campaign so far: its transitions, and the facts that stated the present status since."""

    transitions: list[Transition]
    stating: list[Fact]

    @property
    def status(self) -> str | None:
        return self.transitions[-1].after if self.transitions else None

    def take(self, fact: Fact) -> None:
        before_now = self.transitions[-1].before if self.transitions else None
        says = stated(fact, self.status, before_now)
        if says is None:
            return
        if says != self.status:
            self.transitions.append(Transition(self.status, says, fact))
            self.stating = []
        self.stating.append(fact)


def course(its_facts: Sequence[Fact]) -> Course:
    followed = Course([], [])
    for fact in its_facts:
        followed.take(fact)
    return followed


def _by_key(events: Sequence[Event]) -> tuple[Ids, dict[str, list[Fact]]]:
    """The facts of each campaign, in order."""
    found = facts(events)
    ids, of_key = Ids(found), defaultdict(list)
    for fact in found:
        key = ids.campaign_key(fact)
        if fact.entity == "campaign" and key is not None:
            of_key[key].append(fact)
    return ids, of_key


def campaigns(events: Sequence[Event]) -> Rows:
    ids, of_key = _by_key(events)
    return {(key,): _campaign(key, its_facts, ids) for key, its_facts in of_key.items()}


def _campaign(key: str, its_facts: Sequence[Fact], ids: Ids) -> Row:
    followed = course(its_facts)
    last = followed.transitions[-1] if followed.transitions else None
    pools = [NUMBER_POOL.get(fact.type or "") for fact in its_facts]
    registered = [fact.p.get("isTMobileRegistered") for fact in its_facts]
    return {
        "campaign_id": key,
        "account": its_facts[-1].event.account,
        "tcr_campaign_id": ids.tcr_id("campaign", key),
        "brand_id": ids.resolved("brand", latest(fact.brand_id for fact in its_facts)),
        "csp_id": latest(id_(fact.p.get("cspId")) for fact in its_facts),
        "status": followed.status,
        "previous_status": last.before if last else None,
        "status_at": last.fact.event.occurred_at if last else None,
        "reason": latest(fact.reason for fact in followed.stating),
        "is_t_mobile_registered": latest(value for value in registered if isinstance(value, bool)),
        "number_pool_provisioned": latest(pools),
        "last_event_key": its_facts[-1].event.key,
    }


def campaign_transitions(events: Sequence[Event]) -> Rows:
    _, of_key = _by_key(events)
    return {
        (key, seq): _transition(key, seq, transition)
        for key, its_facts in of_key.items()
        for seq, transition in enumerate(course(its_facts).transitions, start=1)
    }


def _transition(key: str, seq: int, transition: Transition) -> Row:
    fact = transition.fact
    return {
        "campaign_id": key,
        "seq": seq,
        "from_status": transition.before,
        "to_status": transition.after,
        "event_key": fact.event.key,
        "payload_type": text(fact.p.get("type")),
        "tcr_event_type": text(fact.p.get("eventType")),
        "reason": fact.reason,
        "is_documented": transition.after in DOCUMENTED.get(transition.before, ()),
        "occurred_at": fact.event.occurred_at,
    }
