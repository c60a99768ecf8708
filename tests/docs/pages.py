"""The pages a user reads: README.md, docs/ and the READMEs of the packages, and the code blocks in them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
PACKAGE_PAGES = tuple(
    ROOT / package / "README.md"
    for package in (
        *("ingest", "projections", "schemas", "deploy"),
        *("tests", "tests/benchmarks", "tests/faults", "tests/mutation"),
    )
)


def name(page: Path) -> str:
    """The path from the root of the repository."""
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    """The page without its code blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
