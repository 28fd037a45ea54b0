"""One cell of the table: ``python -m tests.hosts.cell HOST CHECK``.

It prints "done" if all was right, and the process then has to end by itself.
"""

from __future__ import annotations

import faulthandler
import sys

from tests.hosts.checks import CHECKS
from tests.hosts.hosts import HOSTS

#: Seconds after which the process says where it hangs, and ends.
PATIENCE = 40.0

if __name__ == "__main__":
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    CHECKS[sys.argv[2]](HOSTS[sys.argv[1]].run)
    sys.stdout.write("done\n")
