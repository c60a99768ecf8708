"""Stories of the account's other things: spend limits, hosted numbers, toll-free verification, shortened links."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from deploy.simulator.stories import bodies
from deploy.simulator.stories.messages import Story, compose, send
from deploy.simulator.webhook import Webhook
from deploy.simulator.world import AREA_CODES, World

LIMITS = ("10.00", "25.00", "100.00")
LINKS = ("https://go.example.com/spring", "https://go.example.com/track", "https://go.example.com/survey")
REJECTIONS = ("Opt-in is not described", "The website cannot be reached", "The business name does not match the EIN")


def spend_limit(world: World) -> Story:
    """A profile spent what it may in a day; messages that were under way still cost a little more."""
    limit = world.rng.choice(LIMITS)
    payload = {
        "configured_limit": limit,
        "current_cost": f"{float(limit) + world.rng.randint(0, 9) / 100:.2f}",
        "profile_id": world.rng.choice(world.profiles).id,
    }
    yield _told(world, "messaging-profile.spend-limit-reached", payload)


def toll_free(world: World) -> Story:
    """A verification waits for one or the other, then it is verified, or rejected and tried again."""
    verification = world.new_id()

    def status(word: str, **more: Any) -> Webhook:
        return _told(world, "toll_free_verification.status_update", {"id": verification, "status": word, **more})

    yield status("In Progress")
    yield world.rng.randint(3, 15)
    yield status(world.rng.choice(("Waiting For Vendor", "Waiting For Telnyx")))
    yield world.rng.randint(3, 15)
    if world.chance(0.4):
        yield status("Rejected", rejectionReason=world.rng.choice(REJECTIONS))
        yield world.rng.randint(5, 25)
        yield status("Waiting For Customer")
        yield world.rng.randint(3, 15)
    yield status("Verified")


def hosted_numbers(world: World) -> Story:
    """An order to host two numbers; they fare each by itself, and now and then the order is given up."""
    order, profile, user = world.new_id(), world.rng.choice(world.profiles).id, world.new_id()
    numbers = [f"+1{area}5550{world.rng.randint(150, 189)}" for area in world.rng.sample(AREA_CODES, 2)]

    waiting = ["pending", "pending"]

    def told(kind: str, status: str, words: list[str], **more: Any) -> Webhook:
        listed = [{"status": word, "value": number} for word, number in zip(words, numbers, strict=True)]
        payload = {"numbers": listed, "order_id": order, "order_status": status, "profile_id": profile, "user_id": user}
        return _told(world, f"messaging_hosted_numbers_orders.{kind}", payload | more)

    yield told("created", "pending", waiting)
    yield world.rng.randint(2, 12)
    if world.chance(0.3):
        deadline = int((world.clock() + timedelta(days=3)).timestamp())
        yield told("internal_transfer_detected", "pending", waiting, decision="pending", approval_deadline=deadline)
        yield world.rng.randint(2, 12)
        decision = world.pick((("approved", 3), ("rejected", 1)))
        yield told(f"internal_transfer_{decision}", "pending", waiting, decision=decision)
        yield world.rng.randint(2, 12)
    yield told("updated", "provisioning", ["ownership_successful", "provisioning"])
    yield world.rng.randint(2, 12)
    if world.chance(0.6):
        yield told("updated", "successful", ["successful", "successful"])
    else:
        yield told("updated", "failed", ["successful", "failed_carrier_rejected"])
        yield world.rng.randint(2, 12)
        yield told("deleted", "deleted", ["deleted", "deleted"])


def link_clicks(world: World) -> Story:
    """A message with a short link, which the person opens once or twice."""
    person, profile = world.rng.choice(world.people), world.profiles[0]
    message = compose(world, profile, person)
    yield from send(world, message)
    if (profile.id, person.phone_number) in world.blocked:
        return
    url = world.rng.choice(LINKS)
    for _ in range(world.rng.randint(1, 2)):
        yield world.rng.randint(2, 25)
        # Unlike everything else: no event_type and no payload, and a number without its plus.
        click = {
            "message_id": message.id,
            "record_type": "link_clicked",
            "time_clicked": world.clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "to": person.phone_number.removeprefix("+"),
            "url": url,
        }
        yield Webhook("link clicked", click)


STORIES: tuple[tuple[Callable[[World], Story], int], ...] = (
    (link_clicks, 3),
    (hosted_numbers, 1),
    (toll_free, 1),
    (spend_limit, 1),
)


def _told(world: World, event_type: str, payload: dict[str, Any]) -> Webhook:
    return Webhook(event_type.rpartition(".")[2], bodies.event(world, event_type, world.clock(), payload))
