"""Several threads at once, each with loops and reactors of its own: shared state is safe.

Without an interpreter lock they run at the same time. With the lock they are switched often.
"""

from __future__ import annotations

import sysconfig

import pytest

from tests.interop.scripts import run_script


@pytest.mark.parametrize("program", ["twisted_in_asyncio", "asyncio_in_twisted", "play_both"])
def test_threads_do_not_disturb_each_other(program: str) -> None:
    run_script("threads_script", program)


@pytest.mark.skipif(
    bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    reason="without an interpreter lock, a child may find a dict locked by a thread of the parent",
)
def test_fork_in_the_middle_of_what_threads_do() -> None:
    run_script("threads_script", "play_both", "forks")
