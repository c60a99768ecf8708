"""The safeguard mutants: each is the one change that removes a safeguard, with the tests that must fail."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Mutant:
    """`old` stands exactly once in `file`. With `new` in its place each of `tests` fails."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applied(self, content: str) -> str:
        """The content with the change. Raises ValueError unless `old` stands in it exactly once."""
        if content.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.old!r} stands {content.count(self.old)} times in {self.file}")
        return content.replace(self.old, self.new)


PROJECTOR, WRITERS = (
    "tests/integration/projections/engine/test_projector.py::",
    "tests/integration/projections/engine/test_projector_writers.py::",
)

MUTANTS = (
    Mutant(
        "fence",
        "projections/engine/projector.py",
        "            if lost:",
        "            if False:",
        (PROJECTOR + "test_offsets_move_with_the_rows_or_not_at_all",),
    ),
    Mutant(
        "fenced position",
        "projections/sql/offsets.sql",
        "offsets.next_offset = given.expected_offset and ",
        "",
        (PROJECTOR + "test_offsets_move_with_the_rows_or_not_at_all",),
    ),
    Mutant(
        "sort",
        "projections/engine/table.py",
        "return [kept[key] for key in sorted(kept)]",
        "return list(kept.values())",
        (WRITERS + "test_three_writers_of_the_same_rows_never_deadlock",),
    ),
    Mutant(
        "append lock",
        "projections/sql/events.sql",
        "lock table telnyx.turns in share row exclusive mode;",
        "select 1;",
        (WRITERS + "test_polling_by_position_misses_no_writers_event",),
    ),
    Mutant(
        "pause until placed",
        "projections/kafka/assignment.py",
        "for partition in self._assigned:\n            self._pause(partition)",
        "for _ in self._assigned:\n            continue",
        ("tests/unit/projections/test_assignment.py::test_assigned_partitions_are_paused_until_they_are_placed",),
    ),
    Mutant(
        "fsync of the spool",
        "ingest/durable/spool_file.py",
        'level = "full" if durable else "normal"',
        'level = "normal"',
        ("tests/integration/ingest/durable/test_spool_fsync.py::test_every_row_is_committed_with_an_fsync",),
    ),
    Mutant(
        "sharing in flight",
        "ingest/admission/dedupe.py",
        "waiting = self._in_flight.get(key)",
        "waiting = None",
        ("tests/integration/ingest/http/test_limits.py::test_identical_deliveries_at_once_share_one_outcome",),
    ),
    Mutant(
        "deadline of a publish",
        "ingest/durable/kafka_first.py",
        "self._deadlines.watch(attempt.future, give_up_at)",
        "pass",
        (
            "tests/integration/ingest/durable/test_kafka_first_unanswered.py::test_a_publish_without_acknowledgement_goes_to_the_spool",
        ),
    ),
    Mutant(
        "deadline of a body",
        "ingest/http/request_cycle.py",
        "call_at(self.scope[DEADLINE], ",
        "call_at(self.scope[DEADLINE] + 60, ",
        ("tests/integration/ingest/http/test_requests.py::test_a_missing_body_is_408_within_two_seconds",),
    ),
    Mutant(
        "verifying again",
        "projections/engine/quarantine.py",
        "if verified is False:",
        "if False:",
        (PROJECTOR + "test_a_forged_record_is_parked_and_makes_no_row",),
    ),
)
