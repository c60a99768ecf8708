"""Stories of 10DLC: from a brand's registration to numbers that may send, with the failures in between.

They follow the vendor's pages: a campaign has an id of Telnyx and an id of The Campaign Registry. Some events name only
the registry's id, and the link between the two comes from a description, or late.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from deploy.simulator.stories import bodies
from deploy.simulator.stories.messages import Stories, Story
from deploy.simulator.webhook import Webhook
from deploy.simulator.world import AREA_CODES, World

BRANDS = ("Acme Outfitters LLC", "Blue Heron Dental", "Corner Bakery Co", "Delta Fitness Inc", "Evergreen Realty")
EIN = {"description": "Invalid EIN - EIN is a nine-digit number. The format is XX-XXXXXXX.", "fields": ["ein"]}
SAMPLE = {"description": "Sample message does not contain required opt-out language", "fields": ["sample1"]}
REVIEW_REASONS = (
    "Opt-in flow is not described",
    "Sample messages do not match the use case",
    "Website is not reachable",
)
CARRIER_REASONS = ("Content attribute mismatch", "High risk use case", "Opt-out language is missing")
NUMBER_REASONS = ("Number is not on this messaging profile", "Number is assigned to another campaign")


@dataclass(frozen=True, slots=True)
class Registration:
    """A brand, one of its campaigns, and the numbers that will send under it."""

    brand_id: str
    tcr_brand_id: str
    brand_name: str
    campaign_id: str
    tcr_campaign_id: str
    numbers: tuple[str, ...]


def opening(world: World) -> Iterator[Story]:
    """The registration of the campaigns under which this account sends messages."""
    for profile in world.profiles:
        if profile.tcr_campaign_id is not None:
            numbers = tuple(number for number, line_type in profile.numbers if line_type == "long_code")
            yield _onboarding(world, _registration(world, profile.tcr_campaign_id, numbers), fails=len(numbers) > 1)


def registration(world: World) -> Story:
    """The registration of a customer of this account, in one of the five courses."""
    numbers = tuple(f"+1{area}5550{world.rng.randint(150, 189)}" for area in world.rng.sample(AREA_CODES, 3))
    ids = _registration(world, world.new_tcr_id("C"), numbers)
    yield from world.pick(COURSES)(world, ids)


STORIES: Stories = ((registration, 1),)


# --- courses


def rejected(world: World, ids: Registration) -> Story:
    """Telnyx rejects, a nudge appeals, a carrier rejects, a second submission is accepted."""
    yield from _brand_added(world, ids)
    yield _campaign(world, ids, "TCR_EVENT", eventType="CAMPAIGN_ADD", description="Campaign successfully added")
    yield _pause(world)
    why = world.rng.choice(REVIEW_REASONS)
    yield _campaign(world, ids, "TELNYX_REVIEW", status="REJECTED", description=why)
    yield _pause(world)
    nudged = {"campaignId": ids.tcr_campaign_id, "cspId": "TNX", "nudgeIntent": "APPEAL_REJECTION"}
    # Names only the registry's id. The review that follows shows which campaign it is.
    yield _campaign(world, ids, "CAMPAIGN_NUDGE", description="The campaign was approved after appeal.", **nudged)
    yield _pause(world)
    yield _accepted_by_telnyx(world, ids)
    yield _pause(world)
    yield _campaign(world, ids, "MNO_REVIEW", status="REJECTED", description=world.rng.choice(CARRIER_REASONS))
    yield _pause(world)
    yield _campaign(world, ids, "TCR_EVENT", eventType="CAMPAIGN_RESUBMISSION", description="Campaign resubmitted")
    yield _campaign(world, ids, "TCR_EVENT", eventType="CAMPAIGN_ADD", description="Campaign successfully added")
    yield _pause(world)
    yield _accepted_by_telnyx(world, ids)
    yield from _provisioned(world, ids)
    yield from _numbers(world, ids)


def suspended(world: World, ids: Registration) -> Story:
    """Provisioned, then suspended by a carrier or for idleness. Most are unsuspended."""
    yield from _onboarding(world, ids, fails=world.chance(0.3))
    yield _pause(world)
    if world.chance(0.5):
        yield _campaign(world, ids, "TELNYX_EVENT", status="DORMANT", description="No traffic for 15 days")
    else:
        yield _operation(world, ids, "SUSPENDED")
    if world.chance(0.7):
        yield world.rng.randint(5, 30)
        yield _operation(world, ids, "UNSUSPENDED")


def expired(world: World, ids: Registration) -> Story:
    """Provisioned, then not renewed. Its numbers are removed, but one removal fails."""
    yield from _onboarding(world, ids)
    yield _pause(world)
    yield _campaign(world, ids, "TCR_EVENT", eventType="CAMPAIGN_EXPIRED", description="Campaign expired")
    for number in ids.numbers[:-1]:
        yield _number(world, ids, number, "DELETION", status="success", reasons=[])
    yield _number(world, ids, ids.numbers[-1], "DELETION", status="failed", reasons=["Try again later"])
    yield _campaign(world, ids, "NUMBER_POOL_DEPROVISIONED", brandId=ids.brand_id)


def brand_refused(world: World, ids: Registration) -> Story:
    """The brand's registration fails for its EIN. Then follow vetting, an appeal, and a campaign that fails too."""
    yield _brand(world, ids, "REGISTRATION", status="failed", reasons=[EIN])
    yield world.rng.randint(3, 15)
    yield from _brand_added(world, ids)
    yield _brand(world, ids, "ORDER_EXTERNAL_VETTING", status=world.pick((("success", 3), ("failed", 1))), reasons=[])
    yield _pause(world)
    yield _registry(world, ids, "BRAND_APPEAL_ADD", description="Appeal added")
    yield world.rng.randint(5, 25)
    yield _registry(world, ids, "BRAND_APPEAL_COMPLETE", description="Appeal completed")
    yield _brand(world, ids, "REVET", status="success", reasons=[])
    yield _pause(world)
    yield _campaign(world, ids, "REGISTRATION", status="failed", reasons=[SAMPLE])


def shared(world: World, ids: Registration) -> Story:
    """A partner's campaign: only the registry's ids are known until a number's event adds Telnyx's."""
    ours = {"brandId": ids.tcr_brand_id, "campaignId": ids.tcr_campaign_id}
    yield _verified(world, ids, **ours, cspId="S" + ids.tcr_campaign_id[1:])
    for number in ids.numbers:
        yield _pause(world)
        named = {"campaignId": ids.tcr_campaign_id}
        yield _number(world, ids, number, "ASSIGNMENT", status="success", reasons=[], **named)
    yield world.rng.randint(5, 30)
    yield _number_status(world, ids, ids.numbers[0], "ADDED")


COURSES: tuple[tuple[Callable[[World, Registration], Story], int], ...] = (
    (rejected, 3),
    (suspended, 3),
    (expired, 2),
    (brand_refused, 2),
    (shared, 2),
)


# --- parts of courses


def _onboarding(world: World, ids: Registration, *, fails: bool = False) -> Story:
    """A registration without failures. With `fails`, the last number fails."""
    yield from _brand_added(world, ids)
    yield _campaign(world, ids, "TCR_EVENT", eventType="CAMPAIGN_ADD", description="Campaign successfully added")
    yield _pause(world)
    yield _accepted_by_telnyx(world, ids)
    yield from _provisioned(world, ids)
    yield from _numbers(world, ids, fails=fails)


def _brand_added(world: World, ids: Registration) -> Story:
    yield _registry(world, ids, "BRAND_ADD", description=f"Brand {ids.tcr_brand_id} is added")
    yield _pause(world)
    yield _registry(
        world, ids, "BRAND_IDENTITY_STATUS_UPDATE", brandIdentityStatus=world.pick((("VERIFIED", 3), ("UNVERIFIED", 1)))
    )
    yield _pause(world)


def _provisioned(world: World, ids: Registration) -> Story:
    yield _campaign(world, ids, "TCR_EVENT", eventType="CAMPAIGN_BILLED", description="Campaign billed")
    yield _pause(world)
    yield _operation(world, ids, "REVIEW")
    yield _pause(world)
    yield _operation(world, ids, "APPROVED")
    yield _campaign(world, ids, "MNO_REVIEW", status="ACCEPTED", description="Approved by all carriers")
    yield _campaign(world, ids, "TCR_EVENT", eventType="CAMPAIGN_DCA_COMPLETE", description="DCA processing complete")
    yield _pause(world)
    yield _verified(world, ids)


def _numbers(world: World, ids: Registration, *, fails: bool = False) -> Story:
    for number in ids.numbers:
        yield _pause(world)
        if fails and number == ids.numbers[-1]:
            why = [world.rng.choice(NUMBER_REASONS)]
            yield _number(world, ids, number, "ASSIGNMENT", status="failed", reasons=why)
        else:
            yield _number_status(world, ids, number, "PENDING")
            yield _number(world, ids, number, "ASSIGNMENT", status="success", reasons=[])
            yield _number_status(world, ids, number, "ADDED")
    if len(ids.numbers) > 2:
        yield _campaign(world, ids, "NUMBER_POOL_PROVISIONED", brandId=ids.brand_id)


def _pause(world: World) -> int:
    return world.rng.randint(1, 4)


# --- webhooks


def _registration(world: World, tcr_campaign_id: str, numbers: tuple[str, ...]) -> Registration:
    brand_id, campaign_id = world.new_id(), world.new_id()
    tcr_brand_id, name = world.new_tcr_id("B"), world.rng.choice(BRANDS)
    return Registration(brand_id, tcr_brand_id, name, campaign_id, tcr_campaign_id, numbers)


def _brand(world: World, ids: Registration, kind: str, **fields: Any) -> Webhook:
    return _update(world, "brand", {"brandId": ids.brand_id, "type": kind, **fields})


def _registry(world: World, ids: Registration, word: str, **fields: Any) -> Webhook:
    """An event of The Campaign Registry about the brand."""
    named = {"brandName": ids.brand_name, "eventType": word, "status": "success", "tcrBrandId": ids.tcr_brand_id}
    return _brand(world, ids, "TCR_BRAND_UPDATE", **named, **fields)


def _campaign(world: World, ids: Registration, kind: str, **fields: Any) -> Webhook:
    return _update(world, "campaign", {"campaignId": ids.campaign_id, "type": kind, **fields})


def _accepted_by_telnyx(world: World, ids: Registration) -> Webhook:
    """Telnyx accepts. This event names the registry's id only in its description."""
    words = f"{ids.tcr_campaign_id} approved by Telnyx"
    return _campaign(world, ids, "TELNYX_REVIEW", status="ACCEPTED", description=words)


def _operation(world: World, ids: Registration, word: str) -> Webhook:
    """An operation of a carrier. No field names the carrier."""
    event_type = f"MNO_CAMPAIGN_OPERATION_{word}"
    return _campaign(world, ids, "TCR_EVENT", eventType=event_type, description=f"Campaign operation: {word.lower()}")


def _verified(world: World, ids: Registration, **otherwise: Any) -> Webhook:
    fields = {"brandId": ids.brand_id, "createdDate": bodies.stamp(world.clock()), "cspId": "TNX"}
    return _campaign(world, ids, "VERIFIED", **fields | {"isTMobileRegistered": True} | otherwise)


def _number(world: World, ids: Registration, number: str, kind: str, **fields: Any) -> Webhook:
    payload = {"campaignId": ids.campaign_id, "phoneNumber": number, "type": kind, **fields}
    return _update(world, "phone_number", payload)


def _number_status(world: World, ids: Registration, number: str, status: str) -> Webhook:
    return _number(world, ids, number, "STATUS_UPDATE", status=status, tcrCampaignId=ids.tcr_campaign_id)


def _update(world: World, entity: str, payload: dict[str, Any]) -> Webhook:
    kind = " ".join([entity, payload.get("eventType", payload["type"]), payload.get("status", "")]).strip().lower()
    return Webhook(kind, bodies.event(world, f"10dlc.{entity}.update", world.clock(), payload))
