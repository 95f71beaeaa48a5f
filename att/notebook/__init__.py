"""The cockpit in a notebook: widgets and the log view, over the client protocol only."""
