"""One person's story for tests of evidence: two profiles, an opt-out, sends after it, and another person."""

from datetime import datetime, timedelta

import asyncpg

from projections.evidence.dossier import Dossier, dossier
from projections.integrity.sealing import seal_now
from tests.support.projections.apply import apply, closing, new_projector
from tests.support.sql.connections import connected
from tests.support.streams import Webhook
from tests.support.webhooks import builders
from tests.support.webhooks.builders import NOON, PERSON, Json

OTHER_PROFILE = "11111111-2222-4333-8444-555555555555"
SOMEBODY_ELSE = "+13125559999"
MINUTE = timedelta(minutes=1)
HOSTILE = '<script>alert("1")</script>\u202egnp.exe \x00'
STOPPED, LATE = NOON + 10 * MINUTE, 45 * MINUTE  # the STOP was received 45 minutes after it was written

# Each with its minutes after noon, and the minutes until it reaches us.
STORY: tuple[tuple[int, int, Json], ...] = (
    (0, 0, builders.message_sent("first")),
    (0, 0, builders.message_finalized("first")),
    (0, 0, builders.message_finalized("first", tags=["told", "twice"])),
    (0, 0, builders.message_read("first")),
    (1, 0, builders.message_sent("not-theirs", SOMEBODY_ELSE)),
    (2, 0, builders.message_received("hello", text=HOSTILE, at=NOON + 2 * MINUTE, messaging_profile_id=OTHER_PROFILE)),
    (10, 45, builders.stop_received(at=STOPPED)),
    (11, 0, builders.message_sent("confirmation", at=NOON + 11 * MINUTE)),
    (20, 0, builders.message_sent("after", at=NOON + 20 * MINUTE)),
    (20, 0, builders.message_finalized("after", at=NOON + 20 * MINUTE)),
    (30, 0, builders.send_refused("refused", at=NOON + 30 * MINUTE)),
    (31, 0, builders.link_clicked("first", at=NOON + 31 * MINUTE)),
    (32, 0, builders.message_received("copied", SOMEBODY_ELSE, at=NOON + 32 * MINUTE, cc=[{"phone_number": PERSON}])),
)
THEIRS = len(STORY) - 1


async def tell(database_url: str, *, events_a_seal: int | None = None) -> None:
    """Stores the story; with `events_a_seal`, seals all but its last two events."""
    story = [Webhook(builders.encode(told), "a", NOON + (at + late) * MINUTE) for at, late, told in STORY]
    async with closing(new_projector(database_url)) as projector:
        await apply(projector, [[webhook] for webhook in story[:-2]])
        if events_a_seal:
            async with connected(database_url) as connection:
                _ = [seal async for seal in seal_now(connection, events_a_seal=events_a_seal)]
        await apply(projector, [story[-2:]])


async def about(
    connection: asyncpg.Connection, phone: str = PERSON, profile: str | None = None, at: datetime | None = None
) -> Dossier:
    """The dossier."""
    return await dossier(connection, phone, profile, at)
