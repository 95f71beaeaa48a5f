"""What every test begins with."""

from __future__ import annotations

import signal

# A shell without job control starts background jobs with SIGINT ignored, and every child would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
