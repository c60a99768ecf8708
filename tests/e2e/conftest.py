"""After every end-to-end test, the tables of its database equal the rebuilt ones, row by row."""

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
    """Compare after the test's programs have ended: the fixtures requested first are torn down last."""
    url = request.getfixturevalue("database_url") if "database_url" in request.fixturenames else None
    programs = request.getfixturevalue("programs") if url is None and "programs" in request.fixturenames else None
    yield
    if url is not None:
        _check(url)
    elif programs is not None and (programs.directory / "data" / "postgres").exists():
        with _server_of(programs.directory / "data") as left_by_dev:
            _check(left_by_dev)


def _check(url: str) -> None:
    results = asyncio.run(check(url, PROJECTIONS))
    assert [difference for result in results for difference in result.drift] == []


@contextmanager
def _server_of(data: Path) -> Iterator[str]:
    """Yield the URL of a `dev` that still runs, else of a server that is started here."""
    if url := running_url(data):
        yield url
        return
    postgres = EmbeddedPostgres(data, report=lambda _: None)
    try:
        yield postgres.start()
    finally:
        postgres.stop()
