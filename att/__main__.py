"""Runs the command line with `python -m att`."""

import sys

from att.cli import main

sys.exit(main())
