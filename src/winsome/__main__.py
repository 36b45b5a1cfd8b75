"""`python -m winsome` is the command `winsome`."""

from __future__ import annotations

import sys

from winsome.cli import main

sys.exit(main())
