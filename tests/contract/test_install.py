"""``triloop.install()``, each time in a new process: a process has one global reactor."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.contract.worlds import HOST, PATIENCE
from tests.hosts import loops as hosts

ROOT = Path(__file__).parents[2]
PYTHON = [
    # Not development mode: asyncio would log each callback that a busy machine delays.
    *(sys.executable, "-W", "default::ResourceWarning"),
    # Twisted keeps a spare descriptor for when there is none left, and never closes it.
    *("-W", "ignore:unclosed file <_io.TextIOWrapper name='/dev/null'"),
]
#: The output of a program in which the reactor has worked.
WORKS = """
import asyncio, sys, threading
import tornado.ioloop
import triloop

def check(reactor):
    from twisted.internet import reactor as installed
    assert installed is reactor and reactor.running, (installed, reactor, reactor.running)
    assert isinstance(reactor, triloop.TornadoReactor)
    assert asyncio.get_running_loop() is reactor._asyncioEventloop

async def use(reactor):
    done = asyncio.get_running_loop().create_future()
    reactor.callLater(0.001, lambda: reactor.callInThread(
        reactor.callFromThread, lambda: done.set_result(check(reactor))
    ))
    await done
    print("works")
"""


def run(program: str, *, works: bool = True) -> str:
    """Run a program and return its output; its status must be 0, its stderr empty."""
    code = (WORKS if works else "") + textwrap.dedent(program)
    ended = subprocess.run(
        [*PYTHON, "-c", code],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        cwd=ROOT,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def test_before_reactor_run() -> None:
    program = """
        reactor = triloop.install()

        async def main():
            await use(reactor)
            reactor.stop()

        reactor.callWhenRunning(lambda: asyncio.ensure_future(main()))
        reactor.run()
    """
    assert run(program) == "works\n"


def test_before_ioloop_start() -> None:
    program = """
        reactor = triloop.install()
        io_loop = tornado.ioloop.IOLoop.current()
        started = []
        reactor.callWhenRunning(started.append, True)

        async def main():
            await use(reactor)
            io_loop.stop()

        with reactor:
            io_loop.add_callback(main)
            io_loop.start()
        assert started
        io_loop.close()
    """
    assert run(program) == "works\n"


def test_before_asyncio_run() -> None:
    """The reactor follows the loop that runs, though it was made for another one."""
    program = """
        reactor = triloop.install()
        started = []
        reactor.callWhenRunning(started.append, True)

        async def main():
            with reactor:
                await use(reactor)

        asyncio.run(main())
        assert started
        tornado.ioloop.IOLoop.current().close()
    """
    assert run(program) == "works\n"


def test_within_asyncio_run() -> None:
    program = """
        async def main():
            with triloop.install() as reactor:
                await use(reactor)

        asyncio.run(main())
    """
    assert run(program) == "works\n"


MADE = [HOST] if HOST in hosts.LOOPS else []
LOOPS = {
    "asyncio": "asyncio.new_event_loop()",
    "uvloop": "__import__('uvloop').new_event_loop()",
    "ReactorEventLoop": "triloop.ReactorEventLoop(SelectReactor())",
    "IOLoop": "tornado.ioloop.IOLoop(make_current=False)",
    "TwistedIOLoop": "triloop.TwistedIOLoop(SelectReactor())",
    **{name: f"__import__('tests.hosts.loops').hosts.loops.LOOPS['{name}']()" for name in MADE},
}


@pytest.mark.parametrize("name", LOOPS)
def test_with_every_kind_of_loop(name: str) -> None:
    program = f"""
        from twisted.internet.selectreactor import SelectReactor
        given = {LOOPS[name]}
        reactor = triloop.install(given)
        loop = getattr(given, "asyncio_loop", given)
        assert reactor._asyncioEventloop is loop
        with reactor:
            loop.run_until_complete(use(reactor))
        loop.run_until_complete(loop.shutdown_default_executor())
        given.close()
    """
    assert run(program) == "works\n"


def test_wrong_arguments_are_refused_and_nothing_installed() -> None:
    program = """
        import asyncio
        import sys
        import triloop

        for nonsense in ("loop", 3, object(), asyncio.new_event_loop, asyncio):
            try:
                triloop.install(nonsense)
            except TypeError as problem:
                assert "IOLoop or an asyncio event loop; got " + repr(nonsense) in str(problem)
            else:
                raise AssertionError(nonsense)
        assert "twisted.internet.reactor" not in sys.modules
        print("refused")
    """
    assert run(program, works=False) == "refused\n"


def test_import_does_not_install_a_reactor() -> None:
    program = """
        import sys
        import triloop
        assert "twisted.internet.reactor" not in sys.modules
    """
    assert run(program, works=False) == ""


def test_loop_becomes_the_current_one() -> None:
    program = """
        import asyncio, tornado.ioloop, triloop, uvloop
        loop = uvloop.new_event_loop()
        reactor = triloop.install(loop)
        assert asyncio.get_event_loop() is loop
        tornado.ioloop.IOLoop.current().call_later(0.01, reactor.stop)
        reactor.run()
        print("stopped")
    """
    assert run(program, works=False).endswith("stopped\n")


def test_current_loop_stays_so() -> None:
    program = """
        import asyncio, triloop
        loop, other = asyncio.new_event_loop(), asyncio.new_event_loop()
        asyncio.set_event_loop(other)
        reactor = triloop.install(loop)
        print(asyncio.get_event_loop() is other)
        other.close()
        reactor.callWhenRunning(reactor.stop)
        reactor.run()
    """
    assert run(program, works=False) == "True\n"
