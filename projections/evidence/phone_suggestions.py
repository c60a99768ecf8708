"""What somebody may have meant who wrote a phone number that nobody has: other spellings of it, likely ones first."""

import re
from collections.abc import Iterator

from schemas.reading.normalize import unique

SHORTEST = 7  # digits of a number without its country code


def spellings(phone: str) -> list[str]:
    """Some thousands, without the number itself: other country codes or none, then one slip of the hand."""
    digits = re.sub(r"[^0-9]", "", phone)
    if not digits:
        return []
    return [other for other in unique([*_country_codes(digits), *_slips(digits)]) if other != phone]


def _country_codes(digits: str) -> Iterator[str]:
    ends = [digits[cut:].lstrip("0") for cut in range(4)]  # 00 and 0 are how people dial, not part of the number
    for end in (digits, *ends):
        yield from (f"+{end}", end, f"+1{end}")
    yield from (f"+{code}{end}" for end in ends if len(end) >= SHORTEST for code in range(1, 1000))


def _slips(digits: str) -> Iterator[str]:
    """One digit wrong, two swapped, one too many, one too few."""
    for at, was in enumerate(digits):
        before, after = digits[:at], digits[at + 1 :]
        yield from (f"+{before}{other}{after}" for other in "0123456789" if other != was)
        yield f"+{before}{after}"
        yield f"+{before}{after[:1]}{was}{after[1:]}"
        yield from (f"+{before}{other}{was}{after}" for other in "0123456789")
    yield from (f"+{digits}{other}" for other in "0123456789")
