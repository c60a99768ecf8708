"""Stories of bad input on a public address: forged, late, unreadable and unknown webhooks, and odd shapes."""

import json
from typing import Any

from deploy.simulator.stories import bodies
from deploy.simulator.stories.messages import Stories, Story
from deploy.simulator.webhook import Signing, Webhook, quarantined, refused
from deploy.simulator.world import World

REFUSALS = {
    Signing.FLIPPED: "no_matching_key",
    Signing.FOREIGN_KEY: "no_matching_key",
    Signing.MISSING: "missing_header",
    Signing.MALFORMED: "malformed_header",
    Signing.STALE: "stale_timestamp",
    Signing.FUTURE: "future_timestamp",
}
UNKNOWN_TYPES = ("call.initiated", "message.finished", "verify.delivered", "number_order.complete", "fax.received")


def badly_signed(world: World) -> Story:
    signing = world.rng.choice(list(REFUSALS))
    data = bodies.event(world, "message.received", world.clock(), _ordinary(world))
    yield Webhook(f"signature {signing.value}", data, signing=signing, expected=refused(REFUSALS[signing]))


def unreadable(world: World) -> Story:
    """Authentic bytes that are not an event. Each differs, so each makes a separate row in quarantine."""
    salt = world.new_id()
    event = bodies.event(world, "message.received", world.clock(), _ordinary(world))
    without_type = {key: value for key, value in event.items() if key != "event_type"}
    without_time = {key: value for key, value in event.items() if key != "occurred_at"} | {"event_type": "call.hangup"}
    reason, raw = world.rng.choice(
        [
            ("not_json", f'{{"data": "{salt}'.encode()),
            ("not_json", b"\xef\xbb\xbf" + json.dumps({"data": event}).encode()),
            ("not_json", b'{"data": {"cost": NaN, "id": "' + salt.encode() + b'"}}'),
            ("webhook_api_v1", json.dumps({"sms_id": salt, "direction": "outbound", "delivery_status": ""}).encode()),
            ("no_data", json.dumps({"brandId": salt, "status": "ACCEPTED", "type": "TELNYX_REVIEW"}).encode()),
            ("no_data", json.dumps([salt]).encode()),
            ("too_deep", b'{"data": {"id": "' + salt.encode() + b'", "x": ' + b"[" * 400 + b"]" * 400 + b"}}"),
            ("no_event_type", json.dumps({"data": without_type}, indent=2).encode()),
            ("no_occurred_at", json.dumps({"data": without_time}, indent=2).encode()),
        ]
    )
    yield Webhook(f"unreadable {reason}", raw=raw, expected=quarantined(reason))


def unknown_event(world: World) -> Story:
    """An event of another product on the same URL: stored and published, but in no table."""
    payload = {"call_control_id": world.new_id(), "state": "parked"}
    yield Webhook("unknown type", bodies.event(world, world.rng.choice(UNKNOWN_TYPES), world.clock(), payload))


def odd_shape(world: World) -> Story:
    """An ordinary event with one field in the shape of the vendor's other pages, SDKs and captured bodies."""
    person, profile = world.rng.choice(world.people), world.profiles[0]
    changes: dict[str, Any] = world.rng.choice(
        [
            {"from": person.phone_number, "to": profile.numbers[0][0]},
            {"from": {"agent_id": "acme_agent", "agent_name": "Acme"}, "type": "RCS"},
            {"to": {"phone_number": profile.numbers[0][0], "status": "delivered"}},
            {"cost": None},
            {"cost": 0.0051},
            {"cost": {"amount": "NaN", "currency": None}},
            {"parts": 2**31, "tags": "one"},
            {"errors": ["Unknown error"]},
            {"errors": [{"code": 40008, "title": "Undeliverable"}]},
            {"messaging_profile_id": None, "organization_id": "d63fjl62-not-hex"},
            {"received_at": "2026-01-05 15:00:00", "sent_at": "", "completed_at": "yesterday"},
            {"text": "a\u0000b", "subject": None, "is_spam": False},
            {"cc": [person.phone_number, 15555550100, None]},
            {"id": world.rng.getrandbits(53)},
        ]
    )
    event_type = world.rng.choice(("message.sent", "message.finalized", "message.received"))
    payload = _ordinary(world) | changes
    for missing in world.rng.sample(("carrier", "media", "encoding", "valid_until", "record_type"), 2):
        payload.pop(missing, None)
    data = bodies.event(world, event_type, world.clock(), payload)
    if world.chance(0.3):
        data.pop(world.rng.choice(("id", "record_type")))
    yield Webhook("odd shape", data)


STORIES: Stories = (
    (badly_signed, 6),
    (unreadable, 6),
    (unknown_event, 4),
    (odd_shape, 9),
)


def _ordinary(world: World) -> dict[str, Any]:
    return bodies.inbound(world, world.profiles[0], world.rng.choice(world.people), "hello")
