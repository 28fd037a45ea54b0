"""A guarded process protocol behaves as the protocol of the application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from triloop.process.children import Interruptible


class _Partial:
    """A protocol that has only the method that its application needs."""

    def processEnded(self, reason: object) -> str:
        return "ended"


def _guard(method: Callable[..., str]) -> Callable[..., str]:
    return lambda *args: f"guarded: {method(*args)}"


def test_a_method_may_be_missing() -> None:
    behind: Any = Interruptible(_Partial(), _guard)
    assert behind.processEnded(None) == "guarded: ended"
    with pytest.raises(AttributeError, match="childConnectionLost"):
        behind.childConnectionLost(1)


def test_a_method_may_be_replaced_later() -> None:
    protocol: Any = _Partial()
    behind: Any = Interruptible(protocol, _guard)
    protocol.processEnded = lambda reason: "replaced"
    assert behind.processEnded(None) == "guarded: replaced"
