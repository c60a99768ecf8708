"""Every example of the vendor gives exactly the rows that were worked out by hand."""

import csv

import asyncpg
import pytest

from tests.oracle import compare
from tests.oracle.tables import tables
from tests.support.projections.apply import apply, closing, expected_delivery, new_projector
from tests.support.streams import Webhook
from tests.support.webhooks.fixture_cases import EXPECTED
from tests.support.webhooks.fixture_expectations import CASES, FIXTURES, RECEIVED_AT, case_body, expected_rows, key_of

EVIDENCE = {"received_at", "signature", "signed_timestamp", "key_id", "requeued_at"}


def test_every_file_has_its_expectation_and_its_source() -> None:
    with (FIXTURES / "index.tsv").open() as index:
        sources = {row["file"] for row in csv.DictReader(index, delimiter="\t")}
    assert {path.name for path in FIXTURES.glob("*.json")} == set(EXPECTED) == sources


def webhook(name: str) -> Webhook:
    return Webhook(case_body(name), "a", RECEIVED_AT)


def check(name: str, found: dict[str, dict[tuple[object, ...], dict[str, object]]]) -> None:
    """The rows are exactly the expected ones, with all their columns."""
    expected = expected_rows(name, "a")
    assert {table for table, rows in found.items() if rows} == set(expected)
    for table, wanted in expected.items():
        (row,) = found[table].values()
        ignored = EVIDENCE if table in {"events", "quarantined_webhooks"} else set()
        seen = {column: value for column, value in row.items() if column not in ignored}
        assert compare.rows_differences(table, {(): wanted}, {(): seen}) == []


@pytest.mark.parametrize("name", CASES)
def test_the_oracle_agrees_with_the_expected_rows(name: str) -> None:
    check(name, tables([expected_delivery(webhook(name))]))


async def test_each_example_gives_its_rows(database_url: str, connection: asyncpg.Connection) -> None:
    async with closing(new_projector(database_url)) as projector:
        for name in CASES:
            await apply(projector, [[webhook(name)]])
    found = await compare.stored_tables(connection)
    for name in CASES:
        check(name, of_one_body(found, name))
    expected_counts = dict.fromkeys(found, 0)
    for name in CASES:
        for table in expected_rows(name, "a"):
            expected_counts[table] += 1
    assert {table: len(rows) for table, rows in found.items()} == expected_counts


def of_one_body(
    found: dict[str, dict[tuple[object, ...], dict[str, object]]], name: str
) -> dict[str, dict[tuple[object, ...], dict[str, object]]]:
    """The rows that name the event of this case."""
    key = str(key_of(case_body(name)))
    names = ("event_key", "quarantine_key", "last_event_key")
    return {
        table: {where: row for where, row in rows.items() if key in {str(row.get(column)) for column in names}}
        for table, rows in found.items()
    }
