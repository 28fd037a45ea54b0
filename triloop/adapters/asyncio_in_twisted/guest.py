"""CPython's selector loop as a guest."""

from __future__ import annotations

from triloop.private.guest_loop import GuestLoop

__all__ = ["LoopGuest"]


class LoopGuest:
    """Such a loop as a :class:`~triloop.protocol.Guest`: the methods that the host calls.

    Args:
        loop: The loop, whose ``turn`` is one iteration of CPython's own.
    """

    #: CPython's ``_run_once`` cannot be entered twice.
    suspend = None

    def __init__(self, loop: GuestLoop) -> None:
        self.fileno = loop.poller_fileno
        self.deadline = loop.deadline
        self.turn = loop.turn

    def release(self) -> None:
        """Drop the references to the loop, which is closed, so that no reference cycle remains."""
        del self.fileno, self.deadline, self.turn
