"""Every citation of a page, and every relative link between pages, leads to a file and a heading that exist."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (".py", ".sql", ".md", ".toml", ".yaml", ".yml", ".html", "Makefile", "run")

CITED = re.compile(r"\bdocs/[\w./-]+\.md(?:#[\w-]+)?")
SECTION = re.compile(r"(docs/[\w./-]+\.md), section (\d+)")
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)")
# Forms that a reader cannot open.
VAGUE = re.compile(r"""(?<!docs/)(?<!")\bsemantics(?:\.md\b|,? section)|\bDESIGN\b""")


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    paths = [ROOT / line for line in listed.stdout.splitlines() if line.endswith(TEXT)]
    return [path for path in paths if path.exists() and path != Path(__file__)]


def pages() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md"]


@cache
def headings(page: Path) -> dict[str, str]:
    """Anchor, as GitHub writes it, to title."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-"): title for title in titles}


def unresolved(target: str, base: Path) -> bool:
    name, _, anchor = target.partition("#")
    path = (base / name).resolve() if name else base
    return not path.exists() or (anchor != "" and anchor not in headings(path))


def test_every_cited_page_and_anchor_exists() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {cited}"
        for path in tracked()
        for cited in CITED.findall(path.read_text())
        if unresolved(cited, ROOT)
    ]
    assert wrong == []


def test_every_cited_section_exists() -> None:
    cited = {found for path in tracked() for found in SECTION.findall(path.read_text())}
    assert len(cited) >= 8
    numbers = {page: {title.split(".")[0] for title in headings(ROOT / page).values()} for page, _ in cited}
    assert [(page, number) for page, number in cited if number not in numbers[page]] == []


def test_no_citation_is_vague() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {found.group()}"
        for path in tracked()
        for found in VAGUE.finditer(path.read_text())
        if path.suffix != ".md"
    ]
    assert wrong == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_of_a_page_resolves(page: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    links = LINK.findall(prose)
    assert [link for link in links if unresolved(link, page if link.startswith("#") else page.parent)] == []
