"""The oracle's reading functions on cases worked out by hand from docs/semantics.md, section 1."""

from decimal import Decimal
from typing import Any

import pytest

from tests.oracle import values


@pytest.mark.parametrize(
    ("function", "value", "expected"),
    [
        (values.text, " \u00a0a b\u2003\n", "a b"),
        (values.text, " \t", None),
        (values.text, 5, None),
        (values.text, "a\0b", "a\ufffdb"),
        (values.upper, " stop ", "STOP"),
        (values.id_, 17, "17"),
        (values.id_, True, None),
        (values.id_, 2**64 - 1, "18446744073709551615"),
        (values.id_, 2**64, None),
        (values.id_, "x" * 255, "x" * 255),
        (values.id_, "x" * 256, None),
        (values.id_, " " + "x" * 255 + " ", "x" * 255),
        (values.phone, "+1 (312) 555-0001", "+13125550001"),
        (values.phone, "1.312.555.0001", "+13125550001"),
        (values.phone, 13125550001, "+13125550001"),
        (values.phone, "(312) 555-0001", "(312) 555-0001"),
        (values.phone, "1234567890123456", "1234567890123456"),
        (values.phone, "123456", "123456"),
        (values.phone, "ACME Inc.", "ACME Inc."),
        (values.phone, "+1312555****", "+1312555****"),
        (values.phone, "+", "+"),
        (values.party, {"phone_number": " ", "agent_id": 7}, "7"),
        (values.party, {"phone_number": "13125550001", "agent_id": "a"}, "+13125550001"),
        (values.party, {"name": "x"}, None),
        (values.party, ["+13125550001"], None),
        (values.list_, None, []),
        (values.list_, False, [False]),
        (values.parties, ["1", {"phone_number": "2"}, None, "1"], ["1", "2"]),
        (values.parties, {"phone_number": "2"}, ["2"]),
        (values.int_, 2**31 - 1, 2**31 - 1),
        (values.int_, 2**31, None),
        (values.int_, -1, None),
        (values.int_, True, None),
        (values.int_, "1", None),
        (values.int_, values.Real("1.0"), None),
        (values.money, "0.0051", Decimal("0.0051")),
        (values.money, "-" + "9" * 20, Decimal("-" + "9" * 20)),
        (values.money, "1" * 21, None),
        (values.money, "1." + "1" * 21, None),
        (values.money, ".5", None),
        (values.money, "1e5", None),
        (values.money, "NaN", None),
        (values.money, "+1", None),
        (values.money, "1\n", None),
        (values.money, "\uff11", None),
        (values.money, values.Real("0.12345678901234567890"), Decimal("0.12345678901234567890")),
        (values.money, values.Real("1e5"), Decimal(100000)),
        (values.money, values.Real("1e-20000"), None),
        (values.money, values.Real("1e20"), None),
        (values.money, values.Real("1e-" + "9" * 5000), None),
        (values.money, 10**20, None),
        (values.money, 10**20 - 1, Decimal(10**20 - 1)),
        (values.money, False, None),
    ],
)
def test_reading_functions(function: Any, value: object, expected: object) -> None:
    assert function(value) == expected
