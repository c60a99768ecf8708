"""The canonical JSON of a value: keys sorted, no white space, as orjson writes it. The event_key is a hash of it.

orjson (3.10 to 3.13) writes past its buffer where very many arrays end at one place, which aborts the process. One
signed body, or one record that anyone put into Kafka, could stop ingest or the projector permanently. Deeply nested
values are therefore written here, to the same bytes.
"""

from collections.abc import Iterable
from typing import Any

import orjson

MAX_LEVELS = 254  # the depth limit of orjson
# In a search, the shallowest value that overran the buffer had more than three times as many levels.
SHALLOW_LEVELS = 24


def canonical(value: Any, source: bytes) -> bytes:
    """The canonical bytes of a value that was read from `source`. Raises orjson.JSONEncodeError beyond 254 levels."""
    if source.count(b"[") <= SHALLOW_LEVELS or not _is_deep(value):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return _encoded(value, MAX_LEVELS)


def _is_deep(value: Any) -> bool:
    """Whether the value has more than SHALLOW_LEVELS levels."""
    level: list[Any] = [value]
    for _ in range(SHALLOW_LEVELS + 1):
        level = [item for holder in level if isinstance(holder, list | dict) for item in _items(holder)]
        if not level:
            return False
    return True


def _items(holder: list[Any] | dict[str, Any]) -> Iterable[Any]:
    return holder.values() if isinstance(holder, dict) else holder


def _encoded(value: Any, levels: int) -> bytes:
    if not isinstance(value, list | dict):
        return orjson.dumps(value)
    if not levels:
        raise orjson.JSONEncodeError("nested too deeply")
    if isinstance(value, list):
        return b"[%b]" % b",".join([_encoded(item, levels - 1) for item in value])
    named = [b"%b:%b" % (orjson.dumps(name), _encoded(value[name], levels - 1)) for name in sorted(value)]
    return b"{%b}" % b",".join(named)
