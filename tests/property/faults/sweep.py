"""Makes each call of a program fail in turn, and checks what happens to the program and its loop.

``python -m tests.property.faults.sweep [--few]`` goes through all of them, in each world.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fnmatch
import gc
import itertools
import logging
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator
from pathlib import Path
from typing import Any

from twisted.logger import ILogObserver, globalLogPublisher
from zope.interface import implementer

from tests.contract.worlds import Kind, World
from tests.property.faults.injection import ERRORS, Fault, Injector, injected
from tests.property.faults.programs import ASYNCIO, TWISTED, Program

__all__ = ["sweep"]

#: Seconds after which a program that has not ended counts as hanging.
PATIENCE = 1.0
#: Worlds with a reactor of ours; the loop is native.
OURS = [Kind("asyncio", guest_reactor=True), Kind("uvloop", guest_reactor=True)]
#: The world with a native reactor; the loop is ours.
NATIVE = Kind("epoll")


@implementer(ILogObserver)
class Errors:
    """The errors of a run that a user sees."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    @contextlib.contextmanager
    def watched(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        """Collect what is logged, or handed to the loop's exception handler."""
        loop.set_exception_handler(lambda _, context: self.seen.append(context["message"]))
        handler = logging.Handler(logging.WARNING)
        handler.emit = lambda record: self.seen.append(  # type: ignore[method-assign]
            record.getMessage()
        )
        globalLogPublisher.addObserver(self)
        logging.getLogger().addHandler(handler)
        try:
            yield
        finally:
            logging.getLogger().removeHandler(handler)
            globalLogPublisher.removeObserver(self)
            loop.set_exception_handler(None)

    def __call__(self, event: Any) -> None:
        if event["log_level"].name in {"warn", "error", "critical"}:
            self.seen.append(str(event.get("log_failure") or event.get("log_format")))


def run(kind: Kind, program: Program, fault: Fault | None, injector: Injector) -> list[str]:
    """Run ``program`` with ``fault`` in a new world.

    Returns:
        What is wrong with the outcome; an empty list if it is right.
    """
    gc.collect()
    before = _open()
    injector.arm(None)
    counts: dict[str, int] = {}
    wrong: list[str] = []
    try:
        with kind.opened() as world:
            counts, outcome = _attempt(world, program, fault, injector)
            if outcome == "standstill":
                wrong.append("it hangs without an error")
            for again in (*TWISTED[:1], *ASYNCIO[:1]):
                outcome = _attempt(world, again, None, injector)[1]
                wrong += [f"afterwards, not right: {again.__name__}: {outcome}"] * (
                    outcome != "right"
                )
    except Exception as reason:  # noqa: BLE001 - whatever it is, it is wrong
        wrong.append(f"the world cannot be closed: {reason!r}")
    gc.collect()
    injector.arm(None)
    injector.counts = counts
    if left := _open() - before:
        wrong.append(f"left open: {sorted(left)}")
    return wrong


def _attempt(
    world: World, program: Program, fault: Fault | None, injector: Injector
) -> tuple[dict[str, int], str]:
    """Run a program; return the calls that it made, and "right", "error" or "standstill"."""
    errors = Errors()
    with errors.watched(world.loop):
        injector.arm(fault)
        try:
            outcome = world.loop.run_until_complete(_bounded(program(world)))
        except Exception as reason:  # noqa: BLE001 - whatever it is, the program is told
            outcome = f"error: {reason!r}"
        counts = dict(injector.counts)
        injector.arm(None)
        world.reactor.disconnectAll()
        world.loop.run_until_complete(asyncio.sleep(0.01))
    if outcome == "standstill" and errors.seen:
        outcome = f"error: {errors.seen[0]}"
    return counts, outcome


async def _bounded(program: Coroutine[Any, Any, None]) -> str:
    """Run a program that may not end, even when it is cancelled."""
    task = asyncio.ensure_future(program)
    done, _ = await asyncio.wait([task], timeout=PATIENCE)
    if done:
        await task
        return "right"
    task.cancel()
    await asyncio.wait([task], timeout=PATIENCE)
    return "standstill"


def _open() -> set[tuple[int, str]]:
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add((int(entry.name), str(entry.readlink())))
    return {(fd, link) for fd, link in found if not link.startswith("/proc/")}


def faults_in(kind: Kind, program: Program, injector: Injector) -> list[Fault]:
    """All the faults that a program can meet, by the calls of a run without one."""
    run(kind, program, None, injector)
    found = []
    for call, count in dict(injector.counts).items():
        for error, number in itertools.product(ERRORS[call], range(1, count + 1)):
            found.append(Fault(call, number, error, for_ever=False))
            if error != errno.EAGAIN:  # a poll that never returns anything is not a fault
                found.append(Fault(call, number, error, for_ever=True))
    return found


#: Those of the faults that are to be tried.
Choice = Callable[[list[Fault]], list[Fault]]


class Sweep:
    """Goes through the faults of programs, in native worlds first.

    What the native reactor or loop does wrong under a fault is a matter of that library: ours may
    do the same.

    Args:
        injector: What the calls pass through.
        choose: Gives those of a program's faults that are to be tried.
    """

    def __init__(self, injector: Injector, choose: Choice) -> None:
        self._injector = injector
        self._choose = choose
        self._native: set[tuple[Program, str, int, bool, str]] = set()
        #: How many faults were tried.
        self.tried = 0

    def through(self, program: Program, native: Kind, kinds: Iterable[Kind]) -> list[str]:
        """Try the faults of a program; return what is wrong with ours, one line each."""
        self._try_native(program, native, self._choose)
        return [
            f"{program.__name__} on {kind}, where {fault}: {wrong}"
            for one in kinds
            for kind, fault, wrong in self._wrongs(program, one, self._choose)
            if not self._is_natives_own(program, native, fault, wrong)
            and not is_excused(program, fault, wrong)
        ]

    def _try_native(self, program: Program, native: Kind, choose: Choice) -> None:
        for _, fault, wrong in self._wrongs(program, native, choose):
            self._native.add(self._key(program, fault, wrong))

    def _is_natives_own(self, program: Program, native: Kind, fault: Fault, wrong: str) -> bool:
        key = self._key(program, fault, wrong)
        if key not in self._native:  # it may be among the faults that were not chosen

            def alike(faults: list[Fault]) -> list[Fault]:
                kind = fault.call, fault.error, fault.for_ever
                return [one for one in faults if (one.call, one.error, one.for_ever) == kind]

            self._try_native(program, native, alike)
        return key in self._native

    def _wrongs(
        self, program: Program, kind: Kind, choose: Choice
    ) -> Iterator[tuple[Kind, Fault, str]]:
        for fault in choose(faults_in(kind, program, self._injector)):
            self.tried += 1
            for wrong in run(kind, program, fault, self._injector):
                yield kind, fault, wrong

    @staticmethod
    def _key(program: Program, fault: Fault, wrong: str) -> tuple[Program, str, int, bool, str]:
        return program, fault.call, fault.error, fault.for_ever, wrong.partition(":")[0]


def is_excused(program: Program, fault: Fault, wrong: str) -> bool:
    """Whether what is wrong has a reason, in :data:`REASONS`."""
    key = program.__name__, fault.call, errno.errorcode[fault.error], wrong.partition(":")[0]
    return any(all(map(fnmatch.fnmatchcase, key, pattern)) for pattern in REASONS)


#: The program, the call, the error, what is wrong, and the reason.
REASONS = {
    ("twisted_thread", "send", "EAGAIN", "it hangs*"): (
        "Twisted's waker assumes that its socket is full, so that the reactor wakes anyway: an "
        "empty socket never says EAGAIN"
    ),
}


def sweep(injector: Injector, choose: Choice) -> Iterator[list[str]]:
    """Go through the programs; return what is wrong with each."""
    going = Sweep(injector, choose)
    run(NATIVE, TWISTED[0], None, injector)  # what is made once is made
    for program in TWISTED:
        yield going.through(program, NATIVE, OURS)
    for program in ASYNCIO:  # on a native loop, and on one that is on a reactor
        yield going.through(program, OURS[0], [NATIVE])


def few(faults: list[Fault]) -> list[Fault]:
    """The first and the last of each call, with one error, once."""
    chosen: dict[tuple[str, str], Fault] = {}
    for fault in faults:
        first = chosen.setdefault((fault.call, "first"), fault)
        if fault.error == first.error and not fault.for_ever:
            chosen[fault.call, "last"] = fault
    return list(dict.fromkeys(chosen.values()))


def main() -> int:
    """Go through all faults, or ``--few``."""
    found = []
    with injected() as injector:
        for lines in sweep(injector, few if "--few" in sys.argv else list):
            sys.stdout.writelines(f"{line}\n" for line in lines)
            sys.stdout.flush()
            found += lines
    sys.stdout.write(f"{len(found)} wrong\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
