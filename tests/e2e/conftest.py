"""After every end-to-end test the tables of its database are what the stored events give, row by row."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.embedded.postgres import EmbeddedPostgres, running_url
from projections.rebuild.rebuild import check
from projections.registry import PROJECTIONS


@pytest.fixture(autouse=True)
def _tables_are_what_events_give(request: pytest.FixtureRequest) -> Iterator[None]:
    """Set up before the programs of the test, where it has a database, so that it looks when they are gone."""
    url = request.getfixturevalue("database_url") if "database_url" in request.fixturenames else None
    programs = request.getfixturevalue("programs") if url is None and "programs" in request.fixturenames else None
    yield
    if url is not None:
        _check(url)
    elif programs is not None and (programs.directory / "data" / "postgres").exists():
        with _server_of(programs.directory / "data") as left_by_dev:
            _check(left_by_dev)


def _check(url: str) -> None:
    results = asyncio.run(check(url, PROJECTIONS, lambda *_: None))
    assert [difference for result in results for difference in result.drift] == []


@contextmanager
def _server_of(data: Path) -> Iterator[str]:
    """That of a `dev` which the test has left running, else one that is started for us."""
    if url := running_url(data):
        yield url
        return
    postgres = EmbeddedPostgres(data, report=lambda _: None)
    try:
        yield postgres.start()
    finally:
        postgres.stop()
