"""Each safeguard mutant still applies, its tests exist, and the README lists it."""

import re

import pytest

from tests.mutation.safeguards import MUTANTS, ROOT, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_applies_and_its_tests_exist(mutant: Mutant) -> None:
    content = (ROOT / mutant.file).read_text()
    assert mutant.applied(content) != content
    for test in mutant.tests:
        file, name = test.split("::")
        assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE)


def test_a_text_must_stand_exactly_once() -> None:
    mutant = Mutant("name", "file", "a", "b", ())
    for content in ("", "aa"):
        with pytest.raises(ValueError, match="times in file"):
            mutant.applied(content)


def test_the_readme_lists_every_mutant() -> None:
    rows = re.findall(r"^\| (.+?) \| `(tests/.+?)` \|$", (ROOT / "tests/mutation/README.md").read_text(), re.MULTILINE)
    assert rows == [(mutant.name, test) for mutant in MUTANTS for test in mutant.tests]
