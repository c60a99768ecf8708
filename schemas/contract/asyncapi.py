"""Writes the parts of schemas/asyncapi.yaml that follow from the table of families; the rest is written by hand.

A part lies between a line `# make schemas: NAME` and a line `# end`. A test compares the committed file with this.
"""

import re
from collections.abc import Iterator
from json import dumps
from pathlib import Path

from schemas.families.table import FAMILIES, Family

DOCUMENT = Path(__file__).parents[1] / "asyncapi.yaml"
FORMAT = "application/schema+json;version=draft-07"
# The families without a schema of their own share one message, whatever their topic.
OTHER_KEY = "As its topic has it: message id, campaign id, brand id or phone number; else the event_key."

_PART = re.compile(r"^( *)# make schemas: (.+)\n(?:.*\n)*?\1# end$", re.MULTILINE)


def write(path: Path = DOCUMENT) -> None:
    path.write_text(updated(path.read_text("utf-8")), "utf-8")


def updated(document: str) -> str:
    """The document with every generated part replaced. Raises KeyError for a part with an unknown name."""
    parts: dict[str, list[str]] = {f"messages of {topic}": [] for topic in ("messages", "10dlc", "other")}
    for family in FAMILIES:
        reference = f'{family.message}: {{ $ref: "#/components/messages/{family.message}" }}'
        parts[f"messages of {family.topic}"].append(reference)
    parts["messages"] = [line for family in _by_message().values() for line in _message(family)]

    def part(found: re.Match[str]) -> str:
        lines = [f"# make schemas: {found[2]}", *parts[found[2]], "# end"]
        return "\n".join(found[1] + line for line in lines)

    return _PART.sub(part, document)


def _by_message() -> dict[str, Family]:
    """By name of the message; of the families that share one, the last stands for all."""
    messages: dict[str, Family] = {}
    for family in FAMILIES:
        messages.pop(family.message, None)
        messages[family.message] = family
    return messages


def _message(family: Family) -> Iterator[str]:
    key = OTHER_KEY if family is FAMILIES[-1] else family.key.description
    yield f"{family.message}:"
    yield f"  title: {dumps(family.title)}"
    yield f"  summary: {dumps(str(family.event_types))}"
    yield '  traits: [{ $ref: "#/components/messageTraits/event" }]'
    yield f'  payload: {{ schemaFormat: {FORMAT}, schema: {{ $ref: "./json/{family.schema}.json" }} }}'
    yield f'  bindings: {{ kafka: {{ bindingVersion: "0.5.0", key: {{ type: string, description: {dumps(key)} }} }} }}'
