"""A member of a group as a process of its own, for tests that kill or freeze it. Argument: its settings as JSON."""

import asyncio
import json
import signal
import sys

from projections.consumer import owner_name, run
from projections.metrics import ProjectorMetrics
from projections.settings import ProjectSettings
from tests.feeding import Journalist


async def main() -> None:
    settings = ProjectSettings.model_validate(json.loads(sys.argv[1]))
    stop, owner = asyncio.Event(), owner_name()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    journalist = Journalist(settings.database_url, owner)
    await run(settings, journalist, owner=owner, metrics=ProjectorMetrics(), stop=stop)
    journalist.close()


if __name__ == "__main__":
    asyncio.run(main())
