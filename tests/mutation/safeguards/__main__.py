"""`make mutants`: removes one safeguard after another in a copy of the repository; its tests must fail.

A control run without a change must be green first. Exit status 1 if a mutant lives.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.mutation.safeguards import MUTANTS, Mutant
from tests.support.environment.copied_tree import copied_tree, run_tests

GREEN, RED = 0, 1  # of pytest; anything else is no verdict


def main(names: Sequence[str]) -> int:
    """Runs the named mutants, or all."""
    wanted = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    with copied_tree() as copy:
        control = run_tests(copy, sorted({test for mutant in wanted for test in mutant.tests}))
        if control.returncode != GREEN:
            _say(f"the control run without a change is not green:\n{control.stdout}")
            return 1
        _say("control: green")
        living = [mutant for mutant in wanted for test in mutant.tests if _lives(copy, mutant, test)]
    _say(f"{len(wanted)} mutants, {len(living)} of them alive")
    return 1 if living or not wanted else 0


def _lives(copy: Path, mutant: Mutant, test: str) -> bool:
    file = copy / mutant.file
    before = file.read_text()
    file.write_text(mutant.applied(before))
    try:
        done = run_tests(copy, [test])
    finally:
        file.write_text(before)
    _say(f"{mutant.name}: {'red' if done.returncode == RED else 'ALIVE'}: {test}")
    if done.returncode not in (GREEN, RED):
        _say(done.stdout)
    return done.returncode != RED


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
