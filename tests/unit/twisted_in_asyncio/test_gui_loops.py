"""Asyncio loops of GUIs: they let no exception through, and do not look for generators."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import traceback
from collections.abc import Callable

import pytest

from triloop import TornadoReactor

EXCEPTIONS = [KeyboardInterrupt, SystemExit]
PATIENCE = 60.0

GUI_LOOP = '''
import asyncio
import sys
import traceback


class GuiLoop(asyncio.SelectorEventLoop):
    """As qasync's and PyGObject's: its callbacks are called from C."""

    def _run_once(self):
        sys.set_asyncgen_hooks(None, None)
        try:
            super()._run_once()
        except BaseException:
            traceback.print_exc()

    def run_forever(self):
        super().run_forever()


import triloop
'''


class GuiLoop(asyncio.SelectorEventLoop):
    """It prints what its callbacks raise, and goes on."""

    def _run_once(self) -> None:
        try:
            super()._run_once()  # type: ignore[misc]
        except BaseException:  # noqa: BLE001 - as in C
            traceback.print_exc()

    def run_forever(self) -> None:
        super().run_forever()


def raiser(exception: type[BaseException]) -> Callable[[], None]:
    def leave() -> None:
        raise exception(7)

    return leave


@pytest.mark.parametrize("exception", EXCEPTIONS)
def test_interrupt_leaves_by_reactor_run(exception: type[BaseException]) -> None:
    loop = GuiLoop()
    with TornadoReactor(loop) as reactor:
        reactor.callLater(0.01, raiser(exception))
        with pytest.raises(exception) as left:
            reactor.run(installSignalHandlers=False)
    assert left.value.args == (7,)
    loop.close()


@pytest.mark.parametrize("exception", EXCEPTIONS)
def test_interrupt_in_a_run_of_the_applications_is_the_loops_own_affair(
    exception: type[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    loop = GuiLoop()
    with TornadoReactor(loop) as reactor:
        reactor.callLater(0.01, raiser(exception))
        loop.run_until_complete(asyncio.sleep(0.05))
    loop.close()
    assert exception.__name__ in capsys.readouterr().err


def printed(program: str) -> tuple[int, str, str]:
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return ended.returncode, ended.stdout, ended.stderr


def test_interrupt_leaves_by_triloop_run() -> None:
    program = """
async def main():
    from twisted.internet import reactor

    def leave():
        raise SystemExit(7)

    reactor.callLater(0.01, leave)
    try:
        await asyncio.sleep(60)
    finally:
        print("cancelled")

triloop.run(main(), loop_factory=GuiLoop)
"""
    assert printed(GUI_LOOP + program) == (7, "cancelled\n", "")


def test_reactor_ends_with_a_loop_that_does_not_look_for_generators() -> None:
    program = """
async def main():
    reactor = triloop.install()
    reactor.addSystemEventTrigger("before", "shutdown", print, "shutdown")
    reactor.callWhenRunning(print, "startup")
    await asyncio.sleep(0.01)

loop = GuiLoop()
loop.run_until_complete(main())
loop.run_until_complete(loop.shutdown_asyncgens())
loop.close()
print("closed")
"""
    assert printed(GUI_LOOP + program) == (0, "startup\nshutdown\nclosed\n", "")


def test_thread_pool_of_a_loop_that_was_closed_too_early_ends_at_exit() -> None:
    program = """
import asyncio
import triloop
from twisted.internet.threads import deferToThread

async def main():
    reactor = triloop.install()
    reactor.addSystemEventTrigger("after", "shutdown", ended.set_result, None)
    await triloop.wait(deferToThread(int))
    reactor.stop()
    await ended
    await asyncio.sleep(0.05)

loop = asyncio.new_event_loop()
ended = loop.create_future()
loop.run_until_complete(main())
loop.close()
"""
    assert printed(program) == (0, "", "")
