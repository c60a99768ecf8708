"""The list of mutants does not rot: each applies, its tests are there, and is in the table."""

import re

import pytest

from tests.mutation.safeguards import MUTANTS, ROOT, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_it_still_applies_and_its_tests_are_there(mutant: Mutant) -> None:
    content = (ROOT / mutant.file).read_text()
    assert mutant.applied(content) != content
    for test in mutant.tests:
        file, name = test.split("::")
        assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE)


def test_a_text_that_is_not_there_exactly_once_is_refused() -> None:
    mutant = Mutant("name", "file", "a", "b", ())
    for content in ("", "aa"):
        with pytest.raises(ValueError, match="times in file"):
            mutant.applied(content)


def test_the_table_in_the_readme_is_the_list() -> None:
    rows = re.findall(r"^\| (.+?) \| `(tests/.+?)` \|$", (ROOT / "tests" / "README.md").read_text(), re.MULTILINE)
    assert rows == [(mutant.name, test) for mutant in MUTANTS for test in mutant.tests]
