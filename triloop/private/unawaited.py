"""What Python says of a coroutine that is dropped, for which it has a warning only."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["telling_of_unawaited"]


@contextlib.contextmanager
def telling_of_unawaited(tell: Callable[[str], object]) -> Iterator[None]:
    """Call ``tell`` with the name of each coroutine that is dropped unawaited, before the warning.

    The interpreter looks the function up that warns, each time.
    """
    module: Any = warnings
    own = module._warn_unawaited_coroutine

    def warn(coroutine: Any) -> None:
        tell(coroutine.__qualname__)
        own(coroutine)

    module._warn_unawaited_coroutine = warn
    try:
        yield
    finally:
        module._warn_unawaited_coroutine = own
