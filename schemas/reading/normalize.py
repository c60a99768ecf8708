"""The reading functions of the SQL contract: the only place that converts Telnyx's values to ours.

Each function takes any JSON value and returns a value that Postgres can hold, or None ("missing"). None of them raises,
so no value can make a statement fail. U+0000 is legal in JSON and impossible in Postgres: it becomes U+FFFD.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

ID_MAX_CHARACTERS = 255
INT_MAX = 2**31 - 1
MONEY_LIMIT = Decimal(10) ** 20
NUMERIC_MIN_EXPONENT = -16383  # the finest scale that Postgres' numeric can hold

_PHONE_NOISE = str.maketrans("", "", " ().-")
_MONEY = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)?"
)
# Webhooks of one message repeat its times, and webhooks of one day repeat prices. Longer strings are not cached.
REMEMBERED_CHARACTERS = 40
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def text(value: Any) -> str | None:
    """A string without surrounding Unicode white space. An empty string is missing."""
    if not isinstance(value, str):
        return None
    value = value.strip()
    if "\x00" in value:
        value = value.replace("\x00", "\ufffd")
    return value or None


def upper(value: Any) -> str | None:
    """`text`, in upper case."""
    word = text(value)
    return word.upper() if word else None


def lower(value: Any) -> str | None:
    """`text`, in lower case."""
    word = text(value)
    return word.lower() if word else None


def vendor_id(value: Any) -> str | None:
    """`text`, or the decimal digits of an integer. A value longer than 255 characters is missing."""
    if isinstance(value, str):
        word = text(value)
    elif type(value) is int:
        word = str(value)
    else:
        return None
    return word if word and len(word) <= ID_MAX_CHARACTERS else None


def phone(value: Any) -> str | None:
    """E.164 where the digits allow it. Short codes, sender names and masked numbers stay as they are."""
    if type(value) is str and value[:1] == "+" and value[1:].isdigit() and value.isascii():
        return value if len(value) <= ID_MAX_CHARACTERS else None  # already E.164, as nearly all numbers are
    word = vendor_id(value)
    if word is None:
        return None
    bare = word.translate(_PHONE_NOISE)
    digits = bare.removeprefix("+")
    if digits.isdigit() and digits.isascii():
        if bare.startswith("+"):
            return bare
        if 11 <= len(digits) <= 15:
            return "+" + digits
    return word


def party(value: Any) -> str | None:
    """A sender or recipient: the phone_number of an object, else its agent_id (RCS), or a bare number."""
    if isinstance(value, dict):
        return phone(value.get("phone_number")) or vendor_id(value.get("agent_id"))
    return phone(value)


def items(value: Any) -> list[Any]:
    """An array as it is, null as an empty array, and any other value as an array of that one value."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def parties(value: Any) -> list[str]:
    """The `party` of each item in payload order, without missing and repeated ones."""
    return unique([party(item) for item in items(value)])


def unique(values: Iterable[str | None]) -> list[str]:
    """The values that are not None, each once, in order."""
    return list(dict.fromkeys([value for value in values if value is not None]))


def integer(value: Any) -> int | None:
    """A JSON integer from 0 to 2³¹−1."""
    return value if type(value) is int and 0 <= value <= INT_MAX else None


def money(value: Any) -> Decimal | None:
    """A decimal as written, below 10²⁰. Pass fractions as Decimal (`schemas.reading.event.exact_payload`).

    A float is read by its shortest decimal form, which equals the written number up to 15 digits.
    """
    if isinstance(value, str):
        return _remembered_amount(value) if len(value) <= REMEMBERED_CHARACTERS else _amount(value)
    if type(value) in (int, float):
        number = Decimal(repr(value))
    elif isinstance(value, Decimal):
        number = value
    else:
        return None
    if not number.is_finite() or abs(number) >= MONEY_LIMIT:
        return None
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < NUMERIC_MIN_EXPONENT:
        return None
    return number if exponent <= 0 else Decimal(int(number))


def timestamp(value: Any) -> datetime | None:
    """An instant in UTC from 1970 to 2199, truncated to microseconds. Any other value is missing. No zone means UTC."""
    if not isinstance(value, str):
        return None
    return _remembered_instant(value) if len(value) <= REMEMBERED_CHARACTERS else instant(value)


def _amount(written: str) -> Decimal | None:
    return Decimal(written) if _MONEY.fullmatch(written) else None


def instant(written: str) -> datetime | None:
    """`timestamp` of a string that is unlikely to repeat, and so is not cached."""
    word = written.strip()
    if _TIME.fullmatch(word) is None:
        return None
    try:
        instant = datetime.fromisoformat(word.upper())
        if instant.tzinfo is not UTC:
            instant = instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return instant if _EARLIEST <= instant < _LATEST else None


_remembered_amount = lru_cache(maxsize=4096)(_amount)
_remembered_instant = lru_cache(maxsize=4096)(instant)


def printable(value: Any) -> Any:
    """The same JSON value with U+0000 replaced in every string and name, at any depth that `read` accepts."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, list):
        return [printable(item) for item in value]
    if isinstance(value, dict):
        return {printable(name): printable(item) for name, item in value.items()}
    return value
