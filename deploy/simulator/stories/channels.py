"""Stories of RCS and WhatsApp: the same events, with parties and text in other fields."""

from datetime import timedelta
from typing import Any

from deploy.simulator.stories import bodies
from deploy.simulator.stories.messages import Stories, Story, compose, received
from deploy.simulator.webhook import Webhook
from deploy.simulator.world import Person, Profile, World

AGENT = {"agent_id": "e4448a5c0670c2a9", "agent_name": "Acme Outfitters"}
SUGGESTIONS = (("action_track_order", "Track my order"), ("action_visit_store", "Explore the online store"))
TEMPLATES = ("order_confirmation", "verify_login_code", "delivery_update")


def rcs(world: World) -> Story:
    """Sent, delivered, usually read, and sometimes answered by a tap, a text, a picture or a location."""
    person, profile = world.rng.choice(world.people), world.profiles[0]
    if (profile.id, person.phone_number) in world.blocked:
        return
    message = compose(world, profile, person)
    sent_at = message.queued_at + timedelta(milliseconds=world.rng.randint(40, 300))
    common: dict[str, Any] = {"from": AGENT, "body": {"text": message.text}, "type": "RCS"}
    common |= {"text": None, "encoding": None, "parts": None, "sent_at": bodies.stamp(sent_at)}

    def reported(kind: str, status: str) -> Webhook:
        to = [{"phone_number": person.phone_number, "status": status}]
        payload = bodies.outbound(world, message, status, **common | {"to": to})
        occurred_at = sent_at if kind == "message.sent" else max(world.clock(), sent_at)
        return Webhook(f"rcs {status}", bodies.event(world, kind, occurred_at, payload))

    yield reported("message.sent", "sent")
    yield world.rng.randint(1, 6)
    common |= {"completed_at": bodies.stamp(world.clock())}
    yield reported("message.finalized", world.pick((("delivered", 9), ("sent", 1))))
    if world.chance(0.6):
        yield world.rng.randint(2, 20)
        yield reported("message.read", "read")
        if world.chance(0.6):
            yield _rcs_reply(world, profile, person)


def whatsapp(world: World) -> Story:
    """A template is sent and finalized. Half of the people write back."""
    person, profile = world.rng.choice(world.people), world.profiles[2]
    if (profile.id, person.phone_number) in world.blocked:
        return
    message = compose(world, profile, person)
    status = world.pick((("delivered", 8), ("read", 4), ("failed", 1)))
    payload = {
        "completed_at": bodies.stamp(world.clock()),
        "cost": {"amount": "0.0500", "currency": "USD"},
        "direction": "outbound",
        "errors": [{"code": "41000", "title": "WhatsApp error"}] if status == "failed" else [],
        "id": message.id,
        "messaging_profile_id": profile.id,
        "record_type": "message",
        "template_id": world.new_id(),
        "template_name": world.rng.choice(TEMPLATES),
        "to": [{"phone_number": person.phone_number, "status": status}],
        "type": "WHATSAPP",
    }
    yield Webhook(f"whatsapp {status}", bodies.event(world, "message.finalized", world.clock(), payload))
    if world.chance(0.5):
        yield world.rng.randint(2, 20)
        body = {"foreign_id": f"wamid.{world.new_id()}", "text": "Gracias 🙌", "type": "text"}
        body["timestamp"] = str(int(world.clock().timestamp()))
        yield _received_in_body(world, profile, person, body, to=profile.numbers[1][0], type="WHATSAPP")


STORIES: Stories = ((rcs, 4), (whatsapp, 2))


def _rcs_reply(world: World, profile: Profile, person: Person) -> Webhook:
    data, words = world.rng.choice(SUGGESTIONS)
    picture = {"file_name": "photo.jpg", "file_size_bytes": 179_099, "mime_type": "image/jpeg"}
    picture["file_uri"] = f"https://media.example.com/{world.new_id()}.jpg"
    body: dict[str, Any] = world.pick(
        (
            ({"suggestion_response": {"postback_data": data, "text": words}}, 5),
            ({"text": "Is it on its way?"}, 3),
            ({"user_file": {"payload": picture}}, 1),
            ({"location": {"latitude": 41.8781, "longitude": -87.6298}}, 1),
        )
    )
    return _received_in_body(world, profile, person, body, to=[AGENT], type="RCS")


def _received_in_body(world: World, profile: Profile, person: Person, body: dict[str, Any], **changes: Any) -> Webhook:
    """An inbound message with its text in `body`, as these channels send it."""
    return received(world, profile, person, None, body=body, encoding=None, parts=None, **changes)
