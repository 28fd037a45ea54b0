"""Every test here fails on errors that are only reported."""

from collections.abc import Iterator

import pytest
from twisted.logger import globalLogPublisher

from tests.unit.awaitables.harness import UnhandledErrors


@pytest.fixture
def unhandled(_warmed_up: None) -> Iterator[UnhandledErrors]:
    reports = UnhandledErrors()
    globalLogPublisher.addObserver(reports)
    yield reports
    unheard = list(reports.collected())
    globalLogPublisher.removeObserver(reports)
    assert not unheard
