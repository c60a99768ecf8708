"""Stories of spend limits."""

from deploy.simulator.stories import bodies
from deploy.simulator.stories.messages import Stories, Story
from deploy.simulator.world import World

LIMITS = ("10.00", "25.00", "100.00")


def spend_limit(world: World) -> Story:
    """A profile reached its daily limit. Messages that were on their way still add a little cost."""
    limit = world.rng.choice(LIMITS)
    payload = {
        "configured_limit": limit,
        "current_cost": f"{float(limit) + world.rng.randint(0, 9) / 100:.2f}",
        "profile_id": world.rng.choice(world.profiles).id,
    }
    yield bodies.notice(world, "messaging-profile.spend-limit-reached", payload)


STORIES: Stories = ((spend_limit, 1),)
