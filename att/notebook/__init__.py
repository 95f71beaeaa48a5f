"""The cockpit in a notebook: widgets and the log view, over the client protocol only."""

from att.notebook.logview import LogView

__all__ = ["LogView"]
