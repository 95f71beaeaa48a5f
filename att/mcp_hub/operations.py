"""Operations on MCP servers that ATT is a client of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from att.errors import Conflict, Invalid, NotFound, PermissionDenied, TimedOut, Unavailable
from att.mcp_hub.models import (
    McpContents,
    McpImport,
    McpOrder,
    McpRemoval,
    McpResourceList,
    McpServerList,
    McpServerStatus,
    McpState,
    McpToolList,
    McpToolResult,
    ServerName,
    Value,
)
from att.operations import Operations, ProjectId, Seconds, Surface, operation

if TYPE_CHECKING:
    from att.mcp_hub.manager import McpHub

__all__ = ["McpOperations"]

Scope = Annotated[
    ProjectId | None,
    Field(description="The project whose servers are meant beside the workspace's; null means only the workspace's."),
]
Chosen = Annotated[ServerName | None, Field(description="Ask only this server.")]
Patience = Annotated[Seconds, Field(description="Seconds until an answer is given up.")]
Failover = Annotated[
    bool, Field(description="Ask the next server when a connection is lost, also when the first may have begun.")
]
NOT_FOR_AGENTS: Mapping[Surface, str] = {
    "mcp": "an agent must not choose which programs run and which addresses are trusted"
}


class McpOperations(Operations):
    """Use external MCP servers: configure them, see their health, call their tools and read their resources."""

    def __init__(self, hub: McpHub) -> None:
        self.hub = hub

    @operation("mcp.servers", get="/mcp/servers", errors=(NotFound,))
    def servers(
        self,
        state: Annotated[McpState | None, Field(description="Only servers in this state.")] = None,
        project: Scope = None,
    ) -> McpServerList:
        """List the MCP servers with their health, the preferred first."""
        return self.hub.servers(project, state)

    @operation("mcp.status", get="/mcp/servers/{server}", errors=(NotFound,))
    def status(self, server: ServerName, project: Scope = None) -> McpServerStatus:
        """Read a server's settings, state and the end of its error output."""
        return self.hub.status(server, project)

    @operation(
        "mcp.add",
        post="/mcp/servers",
        action="execute",
        created=True,
        errors=(Conflict, NotFound),
        absent=NOT_FOR_AGENTS,
    )
    def add(
        self,
        server: ServerName,
        project: Scope = None,
        command: Annotated[str | None, Field(min_length=1, max_length=4096, description="stdio: the program.")] = None,
        args: Annotated[list[str] | None, Field(max_length=1000, description="stdio: its arguments.")] = None,
        env: Annotated[
            dict[str, Value] | None,
            Field(description='stdio: variables; a secret is {"env": "NAME"} or {"file": "path"}.'),
        ] = None,
        cwd: Annotated[str | None, Field(max_length=4096, description="stdio: its working directory.")] = None,
        address: Annotated[str | None, Field(max_length=2000, description="Streamable HTTP: the URL.")] = None,
        headers: Annotated[
            dict[str, Value] | None,
            Field(description="Streamable HTTP: headers; a secret is a reference, like 'Bearer ${env:NAME}'."),
        ] = None,
        enabled: Annotated[bool, Field(description="Connect to it.")] = True,
        replace: Annotated[bool, Field(description="Replace a server of that name.")] = False,
    ) -> McpServerStatus:
        """Add an MCP server to the workspace or to a project: a command spoken to over stdio, or an address.

        Secrets are given by reference only: whole, or inside a text as `${env:NAME}` and `${file:PATH}`.
        """
        return self.hub.add(
            server,
            project,
            replace=replace,
            command=command,
            args=args or [],
            env=env or {},
            cwd=cwd,
            address=address,
            headers=headers or {},
            enabled=enabled,
        )

    @operation(
        "mcp.remove",
        delete="/mcp/servers/{server}",
        destructive=True,
        errors=(NotFound,),
        absent=NOT_FOR_AGENTS,
    )
    def remove(self, server: ServerName, project: Scope = None) -> McpRemoval:
        """Disconnect a server and forget it."""
        return self.hub.remove(server, project)

    @operation(
        "mcp.import",
        post="/mcp/import",
        python="s.mcp.load",
        action="execute",
        errors=(Invalid, NotFound, PermissionDenied),
        absent=NOT_FOR_AGENTS,
    )
    def load(
        self,
        path: Annotated[
            str | None, Field(min_length=1, max_length=4096, description="JSON file with `mcpServers` or `servers`.")
        ] = None,
        config: Annotated[dict[str, Any] | None, Field(description="The content of such a file.")] = None,
        project: Scope = None,
        replace: Annotated[bool, Field(description="Replace servers of the same names.")] = False,
    ) -> McpImport:
        """Import the servers of an `mcpServers` file as editors and chat programs keep it.

        Secrets stay in the file: what is kept is where they are. In `config` they have to be references.
        """
        return self.hub.load(path, config, project, replace=replace)

    @operation("mcp.connect", post="/mcp/servers/{server}/connect", slow=True, errors=(NotFound, Unavailable))
    def connect(self, server: ServerName, project: Scope = None, timeout: Patience = 30.0) -> McpServerStatus:
        """Connect a server now, without waiting for its next attempt, and keep it connected from now on."""
        return self.hub.connect(server, project, timeout)

    @operation("mcp.disconnect", post="/mcp/servers/{server}/disconnect", slow=True, errors=(NotFound, TimedOut))
    def disconnect(self, server: ServerName, project: Scope = None) -> McpServerStatus:
        """Disconnect a server, and leave it so until it is connected again."""
        return self.hub.disconnect(server, project)

    @operation("mcp.prefer", put="/mcp/order", errors=(NotFound,))
    def prefer(
        self,
        servers: Annotated[list[ServerName], Field(max_length=1000, description="The first is asked first.")],
        project: Scope = None,
    ) -> McpOrder:
        """Set which servers are asked first when several offer a tool; the others follow by name."""
        return self.hub.prefer(servers, project)

    @operation("mcp.tools", get="/mcp/tools", errors=(NotFound,))
    def tools(self, server: Chosen = None, project: Scope = None) -> McpToolList:
        """List the tools that the servers offer, each with the servers in the order in which they are asked."""
        return self.hub.tools(server, project)

    @operation("mcp.resources", get="/mcp/resources", errors=(NotFound,))
    def resources(self, server: Chosen = None, project: Scope = None) -> McpResourceList:
        """List the resources and resource templates that the servers offer."""
        return self.hub.resources(server, project)

    @operation(
        "mcp.call",
        post="/mcp/invoke/tool",
        action="execute",
        slow=True,
        errors=(NotFound, Unavailable, TimedOut),
    )
    def call(
        self,
        tool: Annotated[str, Field(min_length=1, max_length=200, description="Name of the tool.")],
        arguments: Annotated[dict[str, Any] | None, Field(description="Its arguments.")] = None,
        server: Chosen = None,
        project: Scope = None,
        timeout: Patience = 60.0,
        failover: Failover = True,
    ) -> McpToolResult:
        """Call a tool on the first server that answers; the answer and every error tell which servers were asked."""
        return self.hub.call(tool, arguments or {}, server, project, timeout=timeout, failover=failover)

    @operation(
        "mcp.read",
        post="/mcp/invoke/resource",
        action="read",
        slow=True,
        errors=(NotFound, Unavailable, TimedOut),
    )
    def read(
        self,
        uri: Annotated[str, Field(min_length=1, max_length=2000, description="URI of the resource.")],
        server: Chosen = None,
        project: Scope = None,
        timeout: Patience = 60.0,
    ) -> McpContents:
        """Read a resource from the first server that answers."""
        return self.hub.read(uri, server, project, timeout=timeout)
