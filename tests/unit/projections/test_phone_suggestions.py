"""Near a number that nobody has: what somebody may have meant."""

import pytest

from projections.evidence.phone_suggestions import spellings


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("3125550001", "+13125550001"),
        ("0013125550001", "+13125550001"),
        ("+4403125550001", "+443125550001"),
        ("+13125550001", "+443125550001"),
        ("+13125550001", "+13125550010"),
        ("+13125550001", "+1312555001"),
        ("+13125550001", "+131255500012"),
        ("+13125550001", "+23125550001"),
    ],
)
def test_a_slip_leads_to_what_was_meant(written: str, meant: str) -> None:
    near = spellings(written)
    assert meant in near
    assert written not in near
    assert len(near) == len(set(near)) < 6000


def test_what_has_no_digits_has_no_other_spelling() -> None:
    assert spellings("ACME") == []
