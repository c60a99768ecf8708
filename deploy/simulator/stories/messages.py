"""Stories of message traffic. A story is a generator of webhooks and of pauses, counted in webhooks of other stories.

A story reads the clock when it resumes. So times follow the order of events, even where the order of sending does not.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from deploy.simulator.stories import bodies
from deploy.simulator.stories.bodies import Message
from deploy.simulator.webhook import Webhook
from deploy.simulator.world import Person, Profile, World

Story = Iterator[Webhook | int]
Stories = tuple[tuple[Callable[[World], Story], int], ...]  # (story, weight)

# Codes and titles of the vendor's error page, with their share of failed messages.
FAILURES = (
    (("40008", "Undeliverable"), 30),
    (("40001", "Not routable"), 14),
    (("40002", "Blocked as spam (temporary)"), 12),
    (("40012", "Invalid destination number"), 8),
    (("40006", "Recipient unavailable"), 8),
    (("40004", "Rejected by destination"), 6),
    (("40003", "Blocked as spam (permanent)"), 5),
    (("40005", "Message expired"), 5),
    (("40011", "Rate limit exceeded (upstream)"), 4),
)
CARRIER_FAILURES = {
    "T-MOBILE USA, INC.": ("40016", "T-Mobile sending limit"),
    "AT&T": ("40017", "AT&T spam rejection"),
}
OUTCOMES = (("delivered", 86), ("delivery_failed", 8), ("delivery_unconfirmed", 5), ("sending_failed", 1))
REPLIES = (("thanks!", 6), ("C", 5), ("R", 2), ("Is this still available?", 3), ("ok 👍", 3), ("¿Hablan español?", 1))
STOPS = (("STOP", 6), ("Stop", 3), ("unsubscribe", 2), ("STOP ALL", 1), ("quit", 1))
REVOCATIONS = (
    ("please stop texting me", 3),
    ("Wrong number, opt me out", 2),
    ("revoke", 1),
    ("Stop messaging us!!", 1),
)


def delivery(world: World) -> Story:
    """Sent, then finalized. One in eight arrives in the wrong order, and a few are never finalized."""
    person, profile = world.rng.choice(world.people), world.rng.choice(world.profiles)
    yield from send(world, compose(world, profile, person))


def conversation(world: World) -> Story:
    person, profile = world.rng.choice(world.people), world.rng.choice(world.profiles)
    yield from send(world, compose(world, profile, person))
    yield world.rng.randint(2, 20)
    yield received(world, profile, person, world.pick(REPLIES))


def picture(world: World) -> Story:
    """An inbound MMS. Some have no text."""
    person, profile = world.rng.choice(world.people), world.profiles[0]
    media = {
        "content_type": "image/jpeg",
        "sha256": f"{world.rng.getrandbits(256):064x}",
        "size": world.rng.randint(20_000, 900_000),
        "url": f"https://media.example.com/{world.new_id()}.jpg",
    }
    text = None if world.chance(0.3) else "this is the one that arrived broken"
    yield received(world, profile, person, text, type="MMS", media=[media])


def opt_out(world: World) -> Story:
    """STOP, then sends refused with 40300. Half of the people send START later, and messages go through again."""
    person, profile = world.rng.choice(world.people), world.rng.choice(world.profiles)
    yield from send(world, compose(world, profile, person))
    yield world.rng.randint(1, 10)
    world.blocked.add((profile.id, person.phone_number))
    yield received(world, profile, person, world.pick(STOPS), autoresponse_type="STOP")
    for _ in range(world.rng.randint(1, 2)):
        yield world.rng.randint(3, 30)
        yield from send(world, compose(world, profile, person))
    if world.chance(0.5):
        yield world.rng.randint(10, 60)
        world.blocked.discard((profile.id, person.phone_number))
        yield received(world, profile, person, "START", autoresponse_type="START")
        yield from send(world, compose(world, profile, person))


def revocation(world: World) -> Story:
    """An opt-out in the person's own words. Telnyx does not act on it, so a later message is still sent."""
    person, profile = world.rng.choice(world.people), world.rng.choice(world.profiles)
    yield received(world, profile, person, world.pick(REVOCATIONS))
    yield world.rng.randint(10, 40)
    yield from send(world, compose(world, profile, person))


def help_wanted(world: World) -> Story:
    person, profile = world.rng.choice(world.people), world.rng.choice(world.profiles)
    yield received(world, profile, person, "HELP", autoresponse_type="HELP")


STORIES: Stories = (
    (delivery, 70),
    (conversation, 12),
    (opt_out, 6),
    (picture, 4),
    (revocation, 3),
    (help_wanted, 2),
)


def compose(world: World, profile: Profile, person: Person) -> Message:
    """A message that Telnyx has just accepted."""
    sender, line_type = world.rng.choice(profile.numbers)
    text = world.rng.choice(profile.texts).format(n=world.rng.randint(100_000, 999_999), h=world.rng.randint(8, 17))
    tags = tuple(sorted(world.rng.sample(profile.tags, world.rng.randint(0, len(profile.tags)))))
    return Message(world.new_id(), profile, sender, line_type, person, text, world.clock(), tags)


def send(world: World, message: Message) -> Story:
    """The webhooks of one message to one person."""
    if (message.profile.id, message.recipient.phone_number) in world.blocked:
        yield _blocked(world, message)
        return
    sent_at = message.queued_at + timedelta(milliseconds=world.rng.randint(20, 400))
    sent = outbound(world, message, "sent", sent_at, sent_at=bodies.stamp(sent_at))
    if world.chance(0.02):  # some carriers never report back
        yield sent
    elif world.chance(0.12):
        yield _final(world, message, sent_at)
        yield world.rng.randint(0, 4)
        yield sent
    else:
        yield sent
        yield world.rng.randint(1, 12)
        yield _final(world, message, sent_at)


def _final(world: World, message: Message, sent_at: datetime) -> Webhook:
    outcome = world.pick(OUTCOMES)
    changes: dict[str, Any] = {}
    if outcome.endswith("_failed"):
        failure = world.pick(FAILURES)
        if world.chance(0.4):
            failure = CARRIER_FAILURES.get(message.recipient.carrier, failure)
        changes["errors"] = [_error(*failure)]
    return finalized(world, message, outcome, sent_at, **changes)


def finalized(world: World, message: Message, status: str, sent_at: datetime, **changes: Any) -> Webhook:
    completed_at = max(world.clock(), sent_at + timedelta(milliseconds=world.rng.randint(20, 900)))
    changes = {"sent_at": bodies.stamp(sent_at), "completed_at": bodies.stamp(completed_at)} | changes
    changes["cost_breakdown"] = bodies.cost_breakdown(message)
    return outbound(world, message, status, completed_at, "message.finalized", **changes)


def _blocked(world: World, message: Message) -> Webhook:
    """A send that Telnyx refused because the person had opted out. It was never sent and costs nothing."""
    refused_at = message.queued_at + timedelta(milliseconds=15)
    return outbound(
        world,
        message,
        "sending_failed",
        refused_at,
        "message.finalized",
        completed_at=bodies.stamp(refused_at),
        cost=None,
        errors=[_error("40300", "Blocked (STOP)")],
    )


def outbound(
    world: World, message: Message, status: str, occurred_at: datetime, event_type: str = "message.sent", **changes: Any
) -> Webhook:
    """A webhook of an outbound message. `changes` as in `bodies.outbound`."""
    payload = bodies.outbound(world, message, status, **changes)
    kind = "sent" if event_type == "message.sent" else f"finalized {status}"
    return Webhook(kind, bodies.event(world, event_type, occurred_at, payload))


def received(world: World, profile: Profile, person: Person, text: str | None, **changes: Any) -> Webhook:
    payload = bodies.inbound(world, profile, person, text, **changes)
    return Webhook("received", bodies.event(world, "message.received", world.clock(), payload))


def _error(code: str, title: str) -> dict[str, Any]:
    return {
        "code": code,
        "title": title,
        "detail": f"{title}. See the error page of the vendor for what to do.",
        "meta": {"url": f"https://developers.telnyx.com/docs/overview/errors/{code}"},
    }
