"""Errors where the global reactor is another one: they name what installed it and the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.contract.test_install import run

if TYPE_CHECKING:
    from pathlib import Path


class Culprit(NamedTuple):
    """A module that installs a global reactor, and what the error says about it."""

    source: str
    line: int
    fix: str = "triloop.install() before that"


CULPRITS = {
    "an import": Culprit("import sys\nfrom twisted.internet import reactor", 2),
    "another name": Culprit("from twisted.internet import (\n    reactor as r,\n)", 1),
    "a module": Culprit("import twisted.internet.reactor\nx = twisted.internet.reactor", 1),
    "a function": Culprit("def main():\n    from twisted.internet import reactor\nmain()", 2),
    "install": Culprit("from twisted.internet import pollreactor\npollreactor.install()", 2),
    "ours": Culprit("import triloop\n\ntriloop.install()", 3, "triloop.attached() as reactor"),
}


@pytest.mark.parametrize("name", CULPRITS)
def test_errors_name_the_line_and_the_fix(name: str, tmp_path: Path) -> None:
    culprit = CULPRITS[name]
    path = tmp_path / "culprit.py"
    path.write_text(culprit.source + "\n", encoding="utf-8")
    program = f"""
        import asyncio
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        import culprit
        import triloop

        async def attach():
            async with triloop.attached():
                pass

        asyncio.set_event_loop(None)
        installed = [sys.modules["twisted.internet.reactor"]]  # by no name of its own
        ours = isinstance(installed[0], triloop.TornadoReactor)
        for use in [
            triloop.install,
            *([] if ours else [lambda: asyncio.run(attach()), lambda: triloop.run(attach())]),
        ]:
            try:
                use()
            except (AssertionError, RuntimeError) as problem:
                print(problem)
        assert sys.modules["twisted.internet.reactor"] is installed[0]
        if ours:
            installed[0].fireSystemEvent("shutdown")
            installed[0]._asyncioEventloop.close()
    """
    messages = run(program, works=False).splitlines()
    assert len(messages) == (1 if name == "ours" else 3)
    for message in messages:
        assert f"{path}:{culprit.line}" in message
        assert culprit.fix in message
        assert "Reactor" in message


def test_reactors_installed_by_other_functions_are_named_with_their_line() -> None:
    program = """
        import asyncio
        import triloop

        async def main():
            async with triloop.attached() as reactor:
                return reactor

        for entry in (asyncio.run, triloop.run):
            reactor = entry(main())
            print(reactor.installed_by)
            del __import__("sys").modules["twisted.internet.reactor"]
    """
    said = run(program, works=False).splitlines()
    assert [line.split(" ")[:2] for line in said] == [
        ["triloop.attached()", "at"],
        ["triloop.run()", "at"],
    ]
    assert all("<string>:" in line for line in said)


@pytest.mark.parametrize("entry", ["TwistedIOLoop", "ReactorEventLoop", "new_event_loop"])
def test_default_reactor_that_a_loop_was_made_on_is_named_by_that_line(entry: str) -> None:
    program = f"""
        import triloop
        import asyncio
        asyncio.set_event_loop(None)
        triloop.{entry}().close()
        try:
            triloop.install()
        except Exception as problem:
            print(problem)
    """
    assert f"triloop.{entry}() at <string>:5" in run(program, works=False)
