"""The cache of answers."""

from __future__ import annotations

import itertools
import time
from typing import Any

from triloop.adapters.resolver.wire import Answer

__all__ = ["Cache"]

_Key = tuple[bytes, int]
# Upper limits for the times that servers give: a day, and three hours for a denial (RFC 2308, 5).
_MAX_SECONDS = 86_400
_MAX_DENIAL = 10_800


class Cache:
    """Answers by name and type, each kept for the time to live of its records.

    Args:
        size: How many answers are kept; 0 keeps none. The oldest go first, some at a time.
    """

    def __init__(self, size: int) -> None:
        #: How many answers are kept.
        self.size = size
        # Plain tuples: the garbage collector forgets them, and goes through every `Answer`.
        self._answers: dict[_Key, tuple[float, tuple[Any, ...]]] = {}

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
        return Answer(*entry[1])

    def put(self, key: _Key, answer: Answer) -> None:
        """Keep an answer for its time to live."""
        seconds = min(answer.ttl, _MAX_SECONDS if answer.addresses else _MAX_DENIAL)
        if not seconds or not self.size:
            return
        answers = self._answers
        if key in answers:
            del answers[key]  # so that it is the newest
        elif len(answers) >= self.size:
            for oldest in list(itertools.islice(answers, 1 + self.size // 100)):
                del answers[oldest]
        answers[key] = time.monotonic() + seconds, tuple(answer)

    def clear(self) -> None:
        """Drop all answers."""
        self._answers.clear()
