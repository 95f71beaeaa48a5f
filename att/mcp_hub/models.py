"""Values of the hub: MCP servers, what they offer, and how calls to them went."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from att.models import Model, Timestamp, allowing
from att.operations import ProjectId

__all__ = [
    "McpAttempt",
    "McpContents",
    "McpImport",
    "McpImported",
    "McpOrder",
    "McpRemoval",
    "McpResource",
    "McpResourceList",
    "McpServer",
    "McpServerList",
    "McpServerStatus",
    "McpSnapshot",
    "McpState",
    "McpTool",
    "McpToolList",
    "McpToolResult",
    "OfferedResource",
    "OfferedTool",
    "Reference",
    "ServerName",
    "Value",
]

ServerName = Annotated[
    str,
    Field(
        pattern=allowing(
            "a server's name is letters, digits, '.', '-' and '_', begins with a letter or digit, and has at most 63",
            r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
        ),
        description="The server's name: letters, digits, '.', '-' and '_', at most 63.",
        examples=["git"],
    ),
]
McpState = Literal["connecting", "healthy", "degraded", "unreachable", "disconnected"]


class Reference(Model):
    """Where a secret is: it is read when a connection is made, and never kept."""

    env: str | None = Field(default=None, min_length=1, description="Name of a variable of ATT's own environment.")
    file: str | None = Field(default=None, min_length=1, description="Path of a file that holds it.")
    pointer: str | None = Field(
        default=None,
        pattern=allowing("a JSON pointer begins with '/'", "^/"),
        description="With file: RFC 6901 pointer to the text inside a JSON file.",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Reference:
        if (self.env is None) == (self.file is None):
            raise ValueError('a reference is {"env": "NAME"} or {"file": "path"}')
        if self.pointer is not None and self.file is None:
            raise ValueError("a pointer needs a file")
        return self


Value = str | Reference
"""A text, which may contain `${env:NAME}` and `${file:PATH}`, or a reference to a whole secret."""


class McpServer(Model):
    """An MCP server that can be used: a program spoken to over its pipes, or an address."""

    name: ServerName
    project: ProjectId | None = Field(default=None, description="Whose server it is; null is the workspace's.")
    command: str | None = Field(default=None, min_length=1, description="stdio: the program.")
    args: list[str] = Field(default_factory=list, description="stdio: its arguments.")
    env: dict[str, Value] = Field(default_factory=dict, description="stdio: variables added to its environment.")
    cwd: str | None = Field(default=None, description="stdio: its working directory.")
    address: str | None = Field(default=None, description="Streamable HTTP: the URL.")
    headers: dict[str, Value] = Field(default_factory=dict, description="Streamable HTTP: headers of every request.")
    enabled: bool = Field(default=True, description="It is to be connected.")

    @property
    def transport(self) -> Literal["stdio", "http"]:
        return "stdio" if self.command is not None else "http"

    @property
    def where(self) -> str:
        """The address, or the command, in one line."""
        return self.address if self.address is not None else " ".join([self.command or "", *self.args])


class OfferedTool(Model):
    """A tool as its server describes it."""

    name: str
    title: str | None = None
    description: str = ""
    input_schema: dict[str, Any] = Field(default_factory=dict)
    output_schema: dict[str, Any] | None = None
    annotations: dict[str, Any] = Field(default_factory=dict)


class OfferedResource(Model):
    """A resource or a resource template as its server describes it."""

    uri: str = Field(description="URI, or RFC 6570 template.")
    template: bool = False
    name: str = ""
    title: str | None = None
    description: str = ""
    mime_type: str | None = None
    size_bytes: int | None = None


class McpSnapshot(Model):
    """What a server offered when it was last looked at; kept while it is away."""

    protocol_version: str
    server_name: str | None = None
    server_version: str | None = None
    instructions: str | None = None
    tools: list[OfferedTool] = Field(default_factory=list)
    resources: list[OfferedResource] = Field(default_factory=list)
    taken_at: Timestamp


class McpServerStatus(Model):
    """A server with its state now."""

    server: McpServer
    state: McpState
    reason: str = Field(default="", description="Why it is so, in one line.")
    since: Timestamp
    protocol_version: str | None = None
    server_version: str | None = Field(default=None, description="Name and version that the server gives itself.")
    tools: int | None = Field(default=None, description="How many it offers; null when it was never seen.")
    resources: int | None = None
    failures: int = Field(default=0, description="Attempts to connect that failed in a row.")
    next_attempt_at: Timestamp | None = None
    checked_at: Timestamp | None = Field(default=None, description="When it last listed its tools.")
    latency_seconds: float | None = Field(default=None, description="How long that took.")
    last_lines: list[str] = Field(default_factory=list, description="stdio: the end of its error output.")


class McpServerList(Model):
    """Servers in the order in which they are preferred."""

    servers: list[McpServerStatus]


class McpRemoval(Model):
    """Result of a removal."""

    server: str
    project: str | None = None


class McpOrder(Model):
    """Which servers are asked first."""

    project: str | None = None
    servers: list[str]


class McpTool(OfferedTool):
    """A tool with the servers that offer it, the first to be asked first."""

    servers: list[str]


class McpToolList(Model):
    """Tools by name."""

    tools: list[McpTool]


class McpResource(OfferedResource):
    """A resource with the servers that offer it, the first to be asked first."""

    servers: list[str]


class McpResourceList(Model):
    """Resources and templates by URI."""

    resources: list[McpResource]


class McpAttempt(Model):
    """One server asked for an answer.

    `lost` is a connection that ended in between, `refused` an error that the server answered with, `skipped` a server
    that was not asked.
    """

    server: str
    outcome: Literal["answered", "refused", "lost", "timed_out", "skipped"]
    seconds: float = 0.0
    error: str = ""


class McpToolResult(Model):
    """What a tool answered. `is_error` is the tool's own failure; the call itself went well."""

    tool: str
    server: str
    is_error: bool
    content: list[dict[str, Any]] = Field(description="MCP content blocks.")
    structured: Any = Field(default=None, description="The structured content, where the tool gives one.")
    seconds: float
    attempts: list[McpAttempt]

    @property
    def text(self) -> str:
        """The text blocks as one text."""
        return "\n".join(block["text"] for block in self.content if block.get("type") == "text")


class McpContents(Model):
    """The contents of a resource."""

    uri: str
    server: str
    contents: list[dict[str, Any]] = Field(description="MCP resource contents: `text`, or `blob` in base64.")
    seconds: float
    attempts: list[McpAttempt]

    @property
    def text(self) -> str:
        """The texts as one text."""
        return "\n".join(part["text"] for part in self.contents if "text" in part)


class McpImported(Model):
    """What became of one entry of a configuration."""

    name: str
    result: Literal["added", "replaced", "unchanged", "refused"]
    reason: str = ""


class McpImport(Model):
    """What became of a configuration, entry by entry."""

    servers: list[McpImported]
