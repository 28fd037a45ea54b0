"""The switch by which plain code may await anything, anywhere."""

from __future__ import annotations

from types import TracebackType

__all__ = ["AwaitingAnything", "await_anything", "is_on"]

#: Whether it is on.
is_on = False


class AwaitingAnything:
    """The result of :func:`await_anything`: it can be undone, or used in a ``with``."""

    def __init__(self, switched_on: bool) -> None:
        self._switched_on = switched_on

    def undo(self) -> None:
        """Undo the call. Coroutines that Twisted runs already go on as they began."""
        global is_on  # noqa: PLW0603 - there is one Deferred class in a process
        if self._switched_on:
            is_on = self._switched_on = False

    def __enter__(self) -> AwaitingAnything:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.undo()


def await_anything() -> AwaitingAnything:
    """Have plain code await anything from now on, in every loop and reactor of this process.

    ``await deferred`` works in every Task of asyncio, whichever library made it. Coroutines that
    Twisted runs may await asyncio's awaitables: ``Deferred.fromCoroutine``, ``ensureDeferred`` and
    ``inlineCallbacks``, and so ``react``, ``maybeDeferred``, trial and others that use them, run
    coroutines as Tasks. These begin at once, and go on as soon as a Deferred that they await has
    fired, as in Twisted; ``asyncio.current_task()`` and timeouts work in them. Cancelling their
    Deferred cancels what they wait for: a Deferred then raises Twisted's ``CancelledError``, a
    Future asyncio's. Where no asyncio loop can be found, Twisted drives them as usual.

    A second call changes nothing. Called in any thread, best before anything runs.

    Returns:
        An object with ``undo()``, which the end of a ``with`` block calls too.
    """
    global is_on  # noqa: PLW0603
    switched_on = not is_on
    is_on = True
    return AwaitingAnything(switched_on)
