"""Stories of orders to host numbers."""

from datetime import timedelta
from typing import Any

from deploy.simulator.stories import bodies
from deploy.simulator.stories.messages import Stories, Story
from deploy.simulator.webhook import Webhook
from deploy.simulator.world import AREA_CODES, World


def hosted_numbers(world: World) -> Story:
    """An order to host two numbers. Each has a separate status, and some orders are deleted in the end."""
    order, profile, user = world.new_id(), world.rng.choice(world.profiles).id, world.new_id()
    numbers = [f"+1{area}5550{world.rng.randint(150, 189)}" for area in world.rng.sample(AREA_CODES, 2)]
    waiting = ["pending", "pending"]

    def order_event(kind: str, status: str, words: list[str], **more: Any) -> Webhook:
        listed = [{"status": word, "value": number} for word, number in zip(words, numbers, strict=True)]
        payload = {"numbers": listed, "order_id": order, "order_status": status, "profile_id": profile, "user_id": user}
        return bodies.notice(world, f"messaging_hosted_numbers_orders.{kind}", payload | more)

    yield order_event("created", "pending", waiting)
    yield world.rng.randint(2, 12)
    if world.chance(0.3):
        deadline = int((world.clock() + timedelta(days=3)).timestamp())
        yield order_event(
            "internal_transfer_detected", "pending", waiting, decision="pending", approval_deadline=deadline
        )
        yield world.rng.randint(2, 12)
        decision = world.pick((("approved", 3), ("rejected", 1)))
        yield order_event(f"internal_transfer_{decision}", "pending", waiting, decision=decision)
        yield world.rng.randint(2, 12)
    yield order_event("updated", "provisioning", ["ownership_successful", "provisioning"])
    yield world.rng.randint(2, 12)
    if world.chance(0.6):
        yield order_event("updated", "successful", ["successful", "successful"])
    else:
        yield order_event("updated", "failed", ["successful", "failed_carrier_rejected"])
        yield world.rng.randint(2, 12)
        yield order_event("deleted", "deleted", ["deleted", "deleted"])


STORIES: Stories = ((hosted_numbers, 1),)
