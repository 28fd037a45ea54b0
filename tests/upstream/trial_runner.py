"""Twisted's own tests of Deferreds and coroutines, by trial, with plain code awaiting anything.

Arguments: ``on`` or ``off``, and the modules.
"""

import sys

import triloop

if __name__ == "__main__":
    triloop.install()
    if sys.argv.pop(1) == "on":
        triloop.await_anything()
    from twisted.scripts.trial import run

    run()
