"""Generates the published JSON Schemas from the body types, so consumers validate with the types that we decode with.

They are permissive on purpose. Telnyx adds fields and values without notice, so nothing is forbidden and almost nothing
is required. The dialect is JSON Schema draft-07, which AsyncAPI and schema registries understand.
"""

from pathlib import Path
from typing import Any

import msgspec
import orjson

from schemas.families.table import FAMILIES
from schemas.kafka.headers import EventHeaders, QuarantineHeaders

DIRECTORY = Path(__file__).parents[1] / "json"
DIALECT = "http://json-schema.org/draft-07/schema#"
GUARANTEE = (
    "A consumer may rely on: every accepted event at least once; duplicates have one `ce_id`; value and signature "
    "headers verify. Not on order, not even per key: order by `ce_time`."
)
PERMISSIVE = (
    "Permissive: fields and values may be added at any time and must be tolerated; what Telnyx signed is published "
    "even where it does not match."
)


HEADERS: dict[str, Any] = {"event-headers": EventHeaders, "quarantine-headers": QuarantineHeaders}


def documents() -> dict[str, bytes]:
    """Every published schema, by file name."""
    about = {family.schema: (family.body, f"Events: {family.event_types}.") for family in FAMILIES}
    about["event"] = (FAMILIES[-1].body, "Events that no other file describes.")
    about |= {name: (kind, "Each value is UTF-8 text.") for name, kind in HEADERS.items()}
    return {f"{name}.json": _document(name, kind, words) for name, (kind, words) in about.items()}


def write(directory: Path = DIRECTORY) -> None:
    """Write every schema. A test compares the committed files with the generated ones."""
    for name, document in documents().items():
        (directory / name).write_bytes(document)


def _document(title: str, kind: Any, about: str) -> bytes:
    [root], definitions = msgspec.json.schema_components([kind], ref_template="#/definitions/{name}")
    named = {_plain(name): _tidy(schema) | {"title": _plain(name)} for name, schema in definitions.items()}
    top = named.pop(_plain(root["$ref"].rpartition("/")[2]))
    del top["title"]
    description = f"{top.pop('description')} {about} {GUARANTEE} {PERMISSIVE}"
    document = {"$schema": DIALECT, "title": title, "description": description} | top
    return orjson.dumps(document | ({"definitions": named} if named else {}), option=orjson.OPT_INDENT_2) + b"\n"


def _plain(name: str) -> str:
    """`Data` for `Data_Brand_`: a document has only one of each."""
    return name.partition("_")[0]


def _tidy(schema: Any) -> Any:
    """The same schema without redundant words, with `additionalProperties` stated explicitly."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _tidy(value) for name, value in schema.items() if not (name == "default" and value is None)}
    if not found.get("required", True):
        del found["required"]
    if "properties" in found:
        found["additionalProperties"] = True
    if "$ref" in found:
        found["$ref"] = "#/definitions/" + _plain(found["$ref"].rpartition("/")[2])
    if all(item.keys() == {"type"} for item in found.get("anyOf", [{}])):
        found["type"] = [item["type"] for item in found.pop("anyOf")]
    return found
