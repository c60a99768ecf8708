"""A member of a group as a process of its own, for tests that kill or freeze it.

Arguments: its settings as JSON, and what it applies batches with.
"""

import asyncio
import json
import signal
import sys

from projections.kafka.consumer import owner_name, run
from projections.metrics import ProjectorMetrics
from projections.settings import ProjectSettings
from tests.support.projections.kafka_records import Journalist
from tests.support.projections.projector_group import Lingering, Witnessed, projector


def made(kind: str, settings: ProjectSettings, owner: str) -> Journalist | Witnessed:
    if kind == "journalist":
        return Journalist(settings.database_url, owner)
    return projector(settings, owner, {"projector": Witnessed, "lingering": Lingering}[kind])


async def main() -> None:
    settings = ProjectSettings.model_validate(json.loads(sys.argv[1]))
    stop, owner = asyncio.Event(), owner_name()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    applies = made(sys.argv[2], settings, owner)
    await run(settings, applies, owner=owner, metrics=ProjectorMetrics(), stop=stop)
    await applies.close()


if __name__ == "__main__":
    asyncio.run(main())
