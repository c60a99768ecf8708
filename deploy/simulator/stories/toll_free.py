"""Stories of toll-free verification."""

from typing import Any

from deploy.simulator.stories import bodies
from deploy.simulator.stories.messages import Stories, Story
from deploy.simulator.webhook import Webhook
from deploy.simulator.world import World

REJECTIONS = ("Opt-in is not described", "The website cannot be reached", "The business name does not match the EIN")


def toll_free(world: World) -> Story:
    """A verification waits for the vendor or for Telnyx. Then it is verified, or rejected and submitted again."""
    verification = world.new_id()

    def status(word: str, **more: Any) -> Webhook:
        return bodies.notice(
            world, "toll_free_verification.status_update", {"id": verification, "status": word, **more}
        )

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


STORIES: Stories = ((toll_free, 1),)
