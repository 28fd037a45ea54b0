"""Twisted's errors for what the lifecycle of a reactor refuses."""

from __future__ import annotations

from asyncio import AbstractEventLoop

from twisted.internet import error

from triloop.adapters.twisted_in_asyncio.host import named
from triloop.states import Refusal

__all__ = ["error_of"]

#: Twisted's exception for each refusal of the lifecycle.
_ERRORS: dict[Refusal, type[Exception]] = {
    Refusal.ALREADY_RUNNING: error.ReactorAlreadyRunning,
    Refusal.NOT_RUNNING: error.ReactorNotRunning,
    Refusal.NOT_RESTARTABLE: error.ReactorNotRestartable,
    Refusal.ABOUT_TO_STOP: RuntimeError,
}
_REASONS = {
    Refusal.NOT_RUNNING: "this reactor does not run, or stops already, so it cannot be stopped",
    Refusal.NOT_RESTARTABLE: (
        "a reactor that was stopped stays so; triloop.install(restartable=True) makes one that "
        "does not"
    ),
}


def error_of(refusal: Refusal, loop: AbstractEventLoop) -> Exception:
    """The error for a refusal.

    Args:
        refusal: What the lifecycle has refused.
        loop: The loop that runs, or the reactor's own.

    Returns:
        The error to raise, which names the fix.
    """
    reason = _REASONS.get(refusal) or (
        f"{named(loop)} runs already, and this reactor in it: leave out reactor.run(). Await what "
        "you wait for, by triloop.as_future(it); `async with triloop.attached()` is a reactor "
        "from its start to its end"
    )
    return _ERRORS[refusal](reason)
