"""A workflow that calls a tool of an MCP server."""
