"""A spool to append to and read from, in this process or in a separate one that can be killed."""

import contextlib
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ingest.durable.spool import Spool
from ingest.durable.spool_file import SpoolEntry
from ingest.metrics import IngestMetrics
from schemas.errors import Unavailable
from schemas.kafka.record import Record

ALL = 1_000_000
ROOMY = 1 << 30


def record(number: int, size: int = 1_200) -> Record:
    key = f"00000000-0000-0000-0000-{number:012d}"
    value = b"%d " % number + b"x" * (size - len(str(number)) - 1)
    return Record("telnyx.messages", key.encode(), value, (("ce_id", key.encode()),), key)


@asynccontextmanager
async def opened(directory: Path, max_bytes: int = ROOMY) -> AsyncIterator[Spool]:
    spool = Spool(directory, max_bytes, IngestMetrics())
    await spool.open()
    try:
        yield spool
    finally:
        await spool.close()


async def held(spool: Spool, after: int = 0) -> list[SpoolEntry]:
    return await spool.next_batch(after, ALL, ROOMY)


async def numbers(spool: Spool) -> list[int]:
    return [int(entry.record.value.split()[0]) for entry in await held(spool)]


async def readable(spool: Spool) -> list[int]:
    with contextlib.suppress(Unavailable):
        return await numbers(spool)
    return []


def run(script: str, *arguments: object) -> "subprocess.Popen[str]":
    """A separate process that uses the spool of argv[1]. It has the names of this module, and `Misconfigured`."""
    head = "import asyncio, os, resource, sys\nfrom pathlib import Path\nfrom schemas.errors import Misconfigured\n"
    head += "from tests.support.ingest.spool import *\n"
    source = head + textwrap.dedent(script)
    command = [sys.executable, "-c", source, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
