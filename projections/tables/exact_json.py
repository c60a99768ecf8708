"""JSON columns as sent, with every digit of a number. U+0000 is replaced, because jsonb cannot hold it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import orjson

from schemas.reading.event import Event, exact_payload
from schemas.reading.normalize import NUMERIC_MIN_EXPONENT, printable

_NUMBERS = msgspec.json.Encoder(decimal_format="number")


def exact_json(found_in: Callable[[dict[str, Any]], Any], event: Event, body: bytes) -> Any:
    """The part of the payload that `found_in` returns, for a jsonb column of a Row.

    A number that Postgres cannot hold (1e-20000) becomes the nearest double; all other values stay exact.
    """
    value = printable(found_in(event.payload))
    # Reading the body a second time is only needed for fractions.
    if _any(value, lambda number: isinstance(number, float)):
        value = _within_numeric(printable(found_in(exact_payload(event, body))))
    return orjson.Fragment(_NUMBERS.encode(value))  # orjson would round: see schemas.reading.canonical


def _within_numeric(value: Any) -> Any:
    """The same JSON value. Numbers that Postgres cannot hold become doubles, and all others keep every digit."""
    if isinstance(value, list):
        return [_within_numeric(item) for item in value]
    if isinstance(value, dict):
        return {name: _within_numeric(item) for name, item in value.items()}
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        return value if isinstance(exponent, int) and exponent >= NUMERIC_MIN_EXPONENT else float(value)
    return value


def _any(value: Any, holds: Callable[[Any], bool]) -> bool:
    if isinstance(value, list):
        return any(_any(item, holds) for item in value)
    if isinstance(value, dict):
        return any(_any(item, holds) for item in value.values())
    return holds(value)
