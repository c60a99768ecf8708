"""A secret number and text, bodies that carry them, and the search for them in any output."""

import base64
from datetime import UTC, datetime

from tests.support.webhooks.builders import encode, message_received, message_sent

NUMBER = "+13125559467"
TEXT = "the canary sings of things that only two people know, at length"
AT = datetime.now(UTC)
INBOUND = message_received("canary-in", NUMBER, TEXT, at=AT)
OUTBOUND = message_sent("canary-out", NUMBER, at=AT, text=TEXT)
BODY = encode(INBOUND)
UNREADABLE = f'{{"text":"{TEXT}","phone_number":"{NUMBER}"'.encode()

NUMBERS = (NUMBER, NUMBER[1:], NUMBER.encode().hex())
WORDS = (TEXT, TEXT[:25], TEXT.encode().hex()[10:60], base64.b64encode(TEXT.encode()).decode()[4:40])


def leaks(output: str, *, number_may: bool = False) -> list[str]:
    """The parts of the secret that are in the output."""
    return [secret for secret in (*WORDS, *(() if number_may else NUMBERS)) if secret in output]
