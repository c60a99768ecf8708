"""Toll-free verifications: one spelling of a status, the first given reason, and a row from one event alone."""

import pytest

from tests.support.projections.resource_tables import Ledger, key_of, minutes
from tests.support.webhooks import builders
from tests.support.webhooks.builders import Json, toll_free_update


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("Waiting For Vendor", "waiting_for_vendor"),
        (" in -_ PROGRESS ", "in_progress"),
        ("rejected", "rejected"),
        ("waiting-for-telnyx", "waiting_for_telnyx"),
    ],
)
async def test_a_toll_free_status_has_one_spelling(ledger: Ledger, written: str, status: str) -> None:
    await ledger.apply(toll_free_update(status=written))
    assert (await ledger.row("toll_free_verifications"))["status"] == status


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"rejectionReason": " A ", "rejection_reason": "B", "reason": "C"}, "A"),
        ({"rejectionReason": "", "rejection_reason": "B", "reason": "C"}, "B"),
        ({"rejectionReason": None, "rejection_reason": 7, "reason": "C\u0000"}, "C\ufffd"),
        ({}, None),
    ],
)
async def test_a_toll_free_reason(ledger: Ledger, said: Json, reason: str | None) -> None:
    await ledger.apply(toll_free_update(status="rejected", **said))
    assert (await ledger.row("toll_free_verifications"))["reason"] == reason


async def test_a_toll_free_row_is_whole_from_the_latest_event_with_a_status(ledger: Ledger) -> None:
    rejected = toll_free_update(status="Rejected", rejectionReason="name", at=minutes(0))
    verified = toll_free_update(status="Verified", at=minutes(1))
    silent = toll_free_update(status=None, reason="none of these", at=minutes(2))
    nameless = builders.event("toll_free_verification.created", {"status": "pending"})
    await ledger.apply(silent, verified, rejected, nameless)
    row = await ledger.row("toll_free_verifications")
    assert row | {"last_event_key": str(row["last_event_key"])} == {
        "verification_id": "tfv-1", "account": "a", "status": "verified", "reason": None, "status_at": minutes(1),
        "last_event_key": key_of(verified),
    }  # fmt: skip
