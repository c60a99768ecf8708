"""docs/semantics.md, section 1: the reading functions. An unreadable value is None, never an error."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

T = TypeVar("T")
TEN_TO_THE_20 = Decimal(10) ** 20
# The maximum scale of a Postgres numeric.
NUMERIC_SCALE = 16383


@dataclass(frozen=True)
class Real:
    """A JSON number with a fraction or an exponent, as it is written in the body."""

    written: str


def printable(value: object) -> object:
    """U+0000 becomes U+FFFD in every string at any depth, including names of members."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, list):
        return [printable(item) for item in value]
    if isinstance(value, dict):
        return {str(printable(name)): printable(item) for name, item in value.items()}
    return value


def jsonb(value: object) -> object:
    """A value inside a jsonb column."""
    # Ambiguous: a number that numeric cannot hold (1e-20000) is there as the double that it is for the event_key.
    if isinstance(value, list):
        return [jsonb(item) for item in value]
    if isinstance(value, dict):
        return {str(printable(name)): jsonb(item) for name, item in value.items()}
    if isinstance(value, Real) and _digits_behind_the_point(value.written) > NUMERIC_SCALE:
        return Real(repr(float(value.written)))
    return printable(value)


def latest(values: Iterable[T | None]) -> T | None:
    """The last value that is not None, of values in the order of events."""
    found = None
    for value in values:
        found = found if value is None else value
    return found


def member(value: object, name: str) -> object:
    """A member of an object; None of anything that is not an object."""
    return value.get(name) if isinstance(value, dict) else None


def is_integer(value: object) -> bool:
    """A JSON integer that orjson reads as one."""
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**64


def text(value: object) -> str | None:
    # Ambiguous: "all Unicode white space" is what str.strip() takes, which is the property White_Space and U+001C to
    # U+001F besides.
    if not isinstance(value, str):
        return None
    return value.replace("\0", "\ufffd").strip() or None


def upper(value: object) -> str | None:
    found = text(value)
    return None if found is None else found.upper()


def lower(value: object) -> str | None:
    found = text(value)
    return None if found is None else found.lower()


def id_(value: object) -> str | None:
    # Ambiguous: an integer beyond 64 bits is a double for the event_key, so it is no id (its digits would give one
    # event_key two ids). A negative integer keeps its sign.
    found = str(value) if is_integer(value) else text(value)
    return None if found is None or len(found) > 255 else found


def phone(value: object) -> str | None:
    # Ambiguous: "space" is U+0020 alone; digits are 0-9; a `+` needs at least one digit after it, and may have any
    # number of them.
    found = id_(value)
    if found is None:
        return None
    bare = re.sub(r"[ ().-]", "", found)
    if re.fullmatch(r"\+[0-9]+", bare):
        return bare
    if re.fullmatch(r"[0-9]{11,15}", bare):
        return "+" + bare
    return found


def party(value: object) -> str | None:
    if isinstance(value, dict):
        number = phone(value.get("phone_number"))
        return id_(value.get("agent_id")) if number is None else number
    return phone(value)


def list_(value: object) -> list[object]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def parties(value: object) -> list[str]:
    found = [party(item) for item in list_(value)]
    return each_once(found)


def each_once(values: list[str | None]) -> list[str]:
    """In order, without missing and repeated values."""
    return list(dict.fromkeys(value for value in values if value is not None))


def int_(value: object) -> int | None:
    return value if isinstance(value, int) and is_integer(value) and 0 <= value <= 2**31 - 1 else None


def money(value: object) -> Decimal | None:
    # Ambiguous: a string is not trimmed here (`time` says that it trims, `money` does not).
    # Ambiguous: a JSON number with more than 16,383 digits behind the point, which numeric cannot hold, is missing.
    if isinstance(value, str):
        if not re.fullmatch(r"-?[0-9]{1,20}(\.[0-9]{1,20})?", value):
            return None
        return _unsigned_zero(Decimal(value))
    if isinstance(value, Real):
        return _written(value.written)
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value) if abs(value) < 10**20 else None
    return None


def _written(number: str) -> Decimal | None:
    if _digits_behind_the_point(number) > NUMERIC_SCALE:
        return None
    amount = decimal(number)
    return _unsigned_zero(amount) if amount.copy_abs() < TEN_TO_THE_20 else None


def decimal(number: str) -> Decimal:
    """A JSON number, exactly."""
    return Decimal("{}e{}".format(*_parts(number)))


def _digits_behind_the_point(number: str) -> int:
    mantissa, power = _parts(number)
    return len(mantissa.partition(".")[2]) - power


def _parts(number: str) -> tuple[str, int]:
    """Mantissa and power of ten of a JSON number."""
    mantissa, _, exponent = number.lower().partition("e")
    digits = exponent.lstrip("+-").lstrip("0")  # nine of them are beyond every bound
    return mantissa, int(digits[:9] or 0) * (-1 if exponent.startswith("-") else 1)


def _unsigned_zero(amount: Decimal) -> Decimal:
    return amount.copy_abs() if amount == 0 else amount


TIME = re.compile(
    r"""(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})
        [Tt\ ]
        (?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(:(?P<second>[0-9]{2})(\.(?P<fraction>[0-9]+))?)?
        (?P<zone>[Zz]|(?P<sign>[+-])(?P<zone_hour>[0-9]{2})(:?(?P<zone_minute>[0-9]{2}))?)?""",
    re.VERBOSE,
)


def time(value: object) -> datetime | None:
    # Ambiguous: a zone is real up to ±23:59; a leap second (:60) and the hour 24 are not real instants.
    found = TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return None
    part = {name: int(found[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second")}
    microsecond = int((found["fraction"] or "").ljust(6, "0")[:6])
    zone_hours, zone_minutes = int(found["zone_hour"] or 0), int(found["zone_minute"] or 0)
    if zone_hours > 23 or zone_minutes > 59:
        return None
    offset = timedelta(hours=zone_hours, minutes=zone_minutes) * (-1 if found["sign"] == "-" else 1)
    try:
        local = datetime(**part, microsecond=microsecond, tzinfo=UTC)
        instant = local - offset
    except (ValueError, OverflowError):
        return None
    return instant if 1970 <= instant.year <= 2199 else None
