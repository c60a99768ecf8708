"""Stories of group messages: one message, one sent event, and a finalized event for each recipient."""

from datetime import timedelta
from typing import Any

from deploy.simulator.stories import bodies
from deploy.simulator.stories.messages import Stories, Story, compose, finalized, outbound
from deploy.simulator.world import World


def group_mms(world: World) -> Story:
    """One message to several people: a finalized event for each, all with the id of the group."""
    people = world.rng.sample(world.people, 3)
    message = compose(world, world.profiles[0], people[0])
    group: dict[str, Any] = {"type": "MMS", "group_message_id": message.id}
    sent_at = message.queued_at + timedelta(milliseconds=90)
    recipients = [bodies.recipient(person, "sent") for person in people]
    yield outbound(world, message, "sent", sent_at, sent_at=bodies.stamp(sent_at), **group | {"to": recipients})
    for person in people:
        yield world.rng.randint(1, 6)
        status = world.pick((("delivered", 3), ("unknown", 2)))
        yield finalized(
            world,
            message,
            status,
            sent_at,
            to=[bodies.recipient(person, status)],
            cc=[other.phone_number for other in people if other is not person],
            **group,
        )


STORIES: Stories = ((group_mms, 3),)
