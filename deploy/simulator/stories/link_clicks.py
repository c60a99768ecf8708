"""Stories of shortened links."""

from deploy.simulator.stories.messages import Stories, Story, compose, send
from deploy.simulator.webhook import Webhook
from deploy.simulator.world import World

LINKS = ("https://go.example.com/spring", "https://go.example.com/track", "https://go.example.com/survey")


def link_clicks(world: World) -> Story:
    """A message with a shortened link, which the person opens once or twice."""
    person, profile = world.rng.choice(world.people), world.profiles[0]
    message = compose(world, profile, person)
    yield from send(world, message)
    if (profile.id, person.phone_number) in world.blocked:
        return
    url = world.rng.choice(LINKS)
    for _ in range(world.rng.randint(1, 2)):
        yield world.rng.randint(2, 25)
        # Unlike all other webhooks: no event_type, no payload, and a number without its plus.
        click = {
            "message_id": message.id,
            "record_type": "link_clicked",
            "time_clicked": world.clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "to": person.phone_number.removeprefix("+"),
            "url": url,
        }
        yield Webhook("link clicked", click)


STORIES: Stories = ((link_clicks, 3),)
