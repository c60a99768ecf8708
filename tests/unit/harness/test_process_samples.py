"""The bound on memory and descriptors of a long run with faults, without its half hour."""

import pytest

from tests.faults.process_samples import Held, Sample, thirds


@pytest.mark.parametrize(
    ("mb_each", "fds_each", "flat"),
    [(0.0, 0.0, True), (0.1, 0.0, True), (0.5, 0.0, False), (0.0, 0.2, False)],
    ids=["steady", "a little more", "a leak of memory", "a leak of descriptors"],
)
def test_steady_growth_is_not_flat(mb_each: float, fds_each: float, flat: bool) -> None:
    samples = [Sample(80 + nth * mb_each, int(20 + nth * fds_each)) for nth in range(90)]
    assert Held("ingest", len(samples), thirds(samples)).flat is flat


def test_growth_in_the_first_third_is_flat() -> None:
    samples = [Sample(60.0, 10)] * 30 + [Sample(120.0, 50)] * 60
    assert Held("ingest", len(samples), thirds(samples)).flat
