"""A member of a group as a separate process, for tests that kill or freeze it.

Arguments: its settings as JSON, and the kind of its projector (`offsets`, `projector`, `slow`).
"""

import asyncio
import json
import signal
import sys

from projections.kafka.consumer import owner_name, run
from projections.metrics import ProjectorMetrics
from projections.settings import ProjectSettings
from tests.support.projections.kafka_records import OffsetProjector
from tests.support.projections.projector_group import SessionNamingProjector, SlowProjector, projector


def new_projector(kind: str, settings: ProjectSettings, owner: str) -> OffsetProjector | SessionNamingProjector:
    if kind == "offsets":
        return OffsetProjector(settings.database_url, owner)
    return projector(settings, owner, {"projector": SessionNamingProjector, "slow": SlowProjector}[kind])


async def main() -> None:
    settings = ProjectSettings.model_validate(json.loads(sys.argv[1]))
    stop, owner = asyncio.Event(), owner_name()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    batch_writer = new_projector(sys.argv[2], settings, owner)
    await run(settings, batch_writer, owner=owner, metrics=ProjectorMetrics(), stop=stop)
    await batch_writer.close()


if __name__ == "__main__":
    asyncio.run(main())
