"""The cache of answers."""

from __future__ import annotations

import time
from collections import OrderedDict

from triloop.adapters.resolver.wire import Answer

__all__ = ["Cache"]

_Key = tuple[bytes, int]
# Upper limits for the times that servers give: a day, and three hours for a denial (RFC 2308, 5).
_MAX_SECONDS = 86_400
_MAX_DENIAL = 10_800


class Cache:
    """Answers by name and type, each kept for the time to live of its records.

    Args:
        size: How many answers are kept; 0 keeps none. The oldest goes first.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._answers: OrderedDict[_Key, tuple[float, Answer]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: _Key) -> Answer | None:
        """The answer, if there is one that has not expired."""
        entry = self._answers.get(key)
        if entry is None:
            return None
        if entry[0] < time.monotonic():
            del self._answers[key]
            return None
        return entry[1]

    def put(self, key: _Key, answer: Answer) -> None:
        """Keep an answer for its time to live."""
        seconds = min(answer.ttl, _MAX_SECONDS if answer.addresses else _MAX_DENIAL)
        if not seconds or not self._size:
            return
        self._answers.pop(key, None)
        if len(self._answers) >= self._size:
            self._answers.popitem(last=False)
        self._answers[key] = time.monotonic() + seconds, answer

    def clear(self) -> None:
        """Drop all answers."""
        self._answers.clear()
