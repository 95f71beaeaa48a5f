"""The client: finds the server or opens a workspace, and gives every operation its one Python address."""
