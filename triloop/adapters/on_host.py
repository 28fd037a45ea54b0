"""A Twisted reactor, or an asyncio loop, as the guest of any loop that an application brings."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from contextvars import Context
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import twisted.internet
from twisted.internet.main import installReactor

from triloop.adapters.asyncio_in_twisted.loop import ReactorEventLoop
from triloop.adapters.twisted_in_asyncio.guest import GuestReactor, ReactorGuest
from triloop.embedding import Embedding

if TYPE_CHECKING:
    from triloop.adapters.twisted_in_asyncio.early_writes import EarlyWriter
    from triloop.protocol import Host

__all__ = ["EmbeddedReactor", "loop_on", "reactor_on"]

_T = TypeVar("_T")
_GLOBAL = "twisted.internet.reactor"
#: What a host has to have.
_METHODS = ("nests", "watch", "call_later", "call_soon", "call_soon_threadsafe", "interrupt")


class EmbeddedReactor(GuestReactor):
    """A Twisted reactor that a host of the application's own gives its turns.

    It runs from the beginning of its ``with`` block to the end, or to ``stop()``.

    Args:
        host: The loop that owns the thread.
    """

    interrupts_host = True
    #: The asyncio loop of :func:`loop_on`: the running one in Twisted's callbacks.
    loop: ReactorEventLoop | None = None

    def __init__(self, host: Host) -> None:
        _check_host(host)
        super().__init__()
        self._embedding = Embedding(host, ReactorGuest(self))

    def __enter__(self) -> EmbeddedReactor:
        if _GLOBAL not in sys.modules:
            installReactor(self)
        try:
            self._embedding.attach()
            Context().run(self.startRunning, installSignalHandlers=False)
        except BaseException:
            self._embedding.detach()
            self.close()
            self._forget()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Run the reactor alone, to the end of its shutdown: the host may be over."""
        self._embedding.detach()
        if self.running:
            self.stop()
        try:
            while self._started:
                self._within(self._run_alone)
        finally:
            self.loop = None
            self.disconnectAll()
            self.children.clear()
            self.close()
            self._forget()

    def _run_alone(self) -> None:
        self.doIteration(self.deadline())
        self.runUntilCurrent()
        self.flush()

    def turn(self) -> float | None:
        """See :meth:`triloop.protocol.Guest.turn`."""
        return self._within(super().turn)

    def _within(self, call: Callable[[], _T]) -> _T:
        return call() if self.loop is None else self.loop.within(call)

    def _forget(self) -> None:
        """Be the global reactor no longer, so that the next one on a host can be."""
        installed: object = sys.modules.get(_GLOBAL)
        if installed is self:
            del sys.modules[_GLOBAL], twisted.internet.reactor

    def stop(self) -> None:
        """See :meth:`twisted.internet.interfaces.IReactorCore.stop`; the host goes on."""
        super().stop()
        self._embedding.wake()

    def write_early(self, stream: EarlyWriter) -> object:
        """Have ``stream`` write out once the present callback has returned."""
        self._embedding.wake()
        return super().write_early(stream)


def _check_host(host: object) -> None:
    """Refuse an object without the methods of a host."""
    missing = [name for name in _METHODS if not hasattr(host, name)]
    if missing:
        raise TypeError(
            f"a host has the methods of triloop.protocol.Host; {host!r} has no {missing[0]}. For "
            "an asyncio loop use triloop.install(), for a Twisted reactor triloop.new_event_loop()"
        )


def reactor_on(host: Host) -> EmbeddedReactor:
    """Put a Twisted reactor on a host of your own.

    ::

        with triloop.reactor_on(host) as reactor:
            ...  # run the host: the reactor gets its turns in it

    The reactor fires its startup events at the beginning of the block. At the end it shuts down: it
    runs by itself until all shutdown events have been fired, and gives back its descriptors. After
    ``reactor.stop()`` the host goes on; to end it too, add a trigger for ``"after", "shutdown"``.

    It is the global reactor for as long as the block lasts, unless there is one already. An asyncio
    loop runs beside it by ``triloop.new_event_loop(reactor)``, a Tornado one by
    ``triloop.TwistedIOLoop(reactor)``. Signal handlers are the host's business.

    Args:
        host: Anything with the methods of :class:`triloop.protocol.Host`.

    Returns:
        The reactor: a context manager, for one use. All of its methods belong to the host's thread,
        save ``callFromThread`` and ``wakeUp``.
    """
    return EmbeddedReactor(host)


@contextmanager
def loop_on(host: Host) -> Iterator[ReactorEventLoop]:
    """Put an asyncio loop on a host of your own.

    ::

        with triloop.loop_on(host) as loop:
            loop.create_task(main())
            ...  # run the host: the loop gets its turns in it

    The loop runs from the beginning of the block to the end, or to ``loop.stop()``, after which the
    host goes on. It is the running loop in its own callbacks and in those of its reactor, but not
    in the host's. At the end of the block its tasks are cancelled and awaited, its asynchronous
    generators and its executor end, and it is closed.

    ``loop.reactor`` is a Twisted reactor on the same host, as by :func:`reactor_on`.

    Args:
        host: Anything with the methods of :class:`triloop.protocol.Host`.

    Returns:
        A context manager that gives the loop. All of its methods belong to the host's thread, save
        ``call_soon_threadsafe``.
    """
    reactor = EmbeddedReactor(host)
    with closing(ReactorEventLoop(reactor)) as loop:
        reactor.loop = loop
        with reactor:
            yield loop
