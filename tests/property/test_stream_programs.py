"""Random connections, datagrams and children behave on our loops as on the native ones.

A short run; ``make fuzz SECONDS=600`` is a long one.
"""

from __future__ import annotations

import gc
import sys

import pytest

from tests.property.stream_fuzzer.judge import WORLDS, differences

#: Programs of each world; those with children take longer.
PROGRAMS = {**dict.fromkeys(WORLDS, 40), "twisted-children": 6, "asyncio-children": 6}


if sys.version_info < (3, 11):
    # asyncio's TLS transport warns there of itself, if it was the peer that has closed it.
    pytestmark = pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")


@pytest.mark.sweep
@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL .* is deprecated")
# The time limit of a test is kept by a thread; a child that Twisted forks runs another program.
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("world", WORLDS)
def test_some_programs(world: str) -> None:
    found = [text for seed in range(PROGRAMS[world]) for text in differences(world, seed)[0]]
    gc.collect()  # what warns as it is deallocated warns in the test that it belongs to
    assert found == [], "\n".join(found)
