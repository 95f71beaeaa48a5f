"""Functions that are served as MCP tools."""
