"""Small MCP servers that are run as programs of their own."""
