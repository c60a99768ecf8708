"""A projector of 10DLC alone."""

from collections.abc import AsyncIterator

import pytest

from projections.engine.projector import Projector
from tests.support.projections.ten_dlc import new_projector


@pytest.fixture
async def projector(database_url: str) -> AsyncIterator[Projector]:
    opened = new_projector(database_url)
    yield opened
    await opened.close()
