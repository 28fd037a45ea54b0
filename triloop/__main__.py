"""``python -m triloop``."""

import sys

from triloop.cli.command import main

sys.exit(main())
