"""The lists of docs/semantics.md and docs/kafka.md are those of the code: a page that is cited must not fall behind."""

import re
import tomllib

from projections.registry import PROJECTIONS
from projections.tables.deliveries import FINAL_RANK, RANKS
from projections.tables.ten_dlc.status_rules import CAMPAIGN_STATUSES, DOCUMENTED_TRANSITIONS
from schemas.kafka.headers import QUARANTINE_REASONS, EventHeaders, QuarantineHeaders
from schemas.kafka.topics import Topics
from tests.docs.pages import ROOT

SEMANTICS = (ROOT / "docs" / "semantics.md").read_text()
KAFKA = (ROOT / "docs" / "kafka.md").read_text()
STATUS = r"(?:TCR|TELNYX|MNO)_[A-Z_]+"


def cells(page: str, begin: str) -> list[str]:
    """The cells of the one row that begins so, without the first."""
    (row,) = [line for line in page.splitlines() if line.startswith(begin)]
    return [cell.strip() for cell in row.strip("|").split("|")][1:]


def first_cells(page: str, heading: str) -> list[str]:
    """The first cell of each row of the first table below a heading, or a line that begins so."""
    table = re.split(r"\n\n", page.split(f"\n{heading}", 1)[1].split("\n|", 1)[1], maxsplit=1)[0]
    return [row.strip("|").split("|")[0].strip() for row in table.splitlines()[2:]]


def test_the_keywords_are_those_of_the_data() -> None:
    data = tomllib.loads((ROOT / "schemas" / "data" / "keywords.toml").read_text())
    rows = [line.strip("|").split("|") for line in SEMANTICS.splitlines() if line.startswith("| the whole text equals")]
    whole = {action.strip(): re.split(r"[,;] ", entries.strip()) for _, entries, action in rows}
    assert whole == {action: data[action] for action in ("opt_out", "opt_in", "help")}
    contains, action = cells(SEMANTICS, "| else the text contains")
    assert (contains.split(", "), action) == (data["contains"], "opt_out")


def test_the_ranks_are_those_of_the_projection() -> None:
    ranks = cells(SEMANTICS, "| rank | 0 |")
    statuses = [cell.split(", ") for cell in cells(SEMANTICS, "| status | scheduled |")]
    assert {word: int(rank.split()[0]) for rank, words in zip(ranks, statuses, strict=True) for word in words} == RANKS
    assert [rank for rank in ranks if "final" in rank] == [rank for rank in ranks if int(rank[0]) >= FINAL_RANK]


def test_the_event_types_of_a_table_are_those_of_its_projection() -> None:
    section = SEMANTICS.split("\n## 3. ")[1].split("\n## ")[0]
    found: dict[str, set[str]] = {}
    for types, tables in re.findall(r"^\| (.*`.*) \| (`.*) \|$", section, re.MULTILINE):
        star = "*" if types.startswith("begins with") else ""
        for table in re.findall(r"`(\w+)`", tables):
            found.setdefault(table, set()).update(name + star for name in re.findall(r"`([^`]+)`", types))
    assert found == {
        table.name: set(projection.event_types.patterns) for projection in PROJECTIONS for table in projection.tables
    }


def test_the_reasons_of_quarantine_are_those_of_the_code() -> None:
    found = [reason for cell in first_cells(SEMANTICS, "A signed body goes") for reason in re.findall(r"`(\w+)`", cell)]
    assert found == [*QUARANTINE_REASONS[:2], "forged", *QUARANTINE_REASONS[2:]]


def test_the_statuses_and_transitions_of_campaigns_are_those_of_the_fold() -> None:
    (any_type,) = [line for line in SEMANTICS.splitlines() if line.startswith("| any, if `upper(p.campaignStatus)`")]
    assert set(re.findall(STATUS, any_type)) == CAMPAIGN_STATUSES
    (documented,) = cells(SEMANTICS, "| is_documented |")
    steps = [step.split(" → ") for step in documented.split(": ", 1)[1].split(";")]
    assert {(begin.strip(), tuple(re.findall(STATUS, ends))) for begin, ends in steps} == {
        (begin or "null", ends) for begin, ends in DOCUMENTED_TRANSITIONS.items()
    }


def test_the_topics_and_headers_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `(telnyx\.\w+)` \|.*\| (\d+) \|$", KAFKA, re.MULTILINE)
    assert {topic: int(partitions) for topic, partitions in rows} == Topics().partitions
    named = {header for cell in first_cells(KAFKA, "The **headers**") for header in re.findall(r"`([\w-]+)`", cell)}
    fields = {*EventHeaders.__struct_encode_fields__, *QuarantineHeaders.__struct_encode_fields__}
    assert named == fields
