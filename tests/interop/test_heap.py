"""What a burst of messages has used stays with the process, and is not faulted in again."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_BURSTS = """
import resource
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def burst():
    blocks = [bytearray(65536) for _ in range(60)]
burst()
before = faults()
for _ in range(10):
    burst()
print(faults() - before)
"""


def _faults(first: str) -> int:
    """The page faults of ten bursts of 60 times 64 KiB, in a process that did this first."""
    command = [sys.executable, "-c", first + _BURSTS]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="other allocators keep what they like"
)
def test_bursts_of_large_messages_cost_no_page_faults() -> None:
    alone = _faults("")
    ours = _faults("from triloop.adapters.asyncio_in_twisted import streams")
    assert ours < 100
    assert alone > 5000
