"""Every test here fails on errors that are only reported."""

from collections.abc import Iterator

import pytest
from twisted.logger import globalLogPublisher

from tests.unit.awaitables.harness import UnheardOf


@pytest.fixture
def unheard_of(_warmed_up: None) -> Iterator[UnheardOf]:
    reports = UnheardOf()
    globalLogPublisher.addObserver(reports)
    yield reports
    unheard = list(reports.collected())
    globalLogPublisher.removeObserver(reports)
    assert not unheard
