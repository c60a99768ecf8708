"""The SQL files of the schema: one object a file, each file after those that it requires."""

import re
from pathlib import Path

FOLDER = Path(__file__).parent
_REQUIRES = re.compile(r"^-- requires: (\S+)$", re.MULTILINE)


def text_of(name: str) -> str:
    """The text of one file, named from this folder, such as `views/stuck_messages.sql`."""
    return (FOLDER / name).read_text("utf-8")


def in_order(*folders: str) -> list[str]:
    """The texts of `named_in_order`."""
    return list(named_in_order(*folders).values())


def named_in_order(*folders: str) -> dict[str, str]:
    """The texts of all files of these folders and of the files that they require, by name, in the order to run them.

    A file names each file that must run before it in a line `-- requires: functions/refuse_change.sql`.
    """
    texts: dict[str, str] = {}

    def add(name: str) -> None:
        if name in texts:
            return
        text = text_of(name)
        for required in _REQUIRES.findall(text):
            add(required)
        texts[name] = text

    for folder in folders:
        for path in sorted((FOLDER / folder).glob("*.sql")):
            add(f"{folder}/{path.name}")
    return texts
