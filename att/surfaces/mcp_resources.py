"""Resources that agents read at `att://` addresses, derived from the operations that declare one."""

from __future__ import annotations

import types as builtin
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

import mcp_types as types
from mcp.shared.uri_template import UriTemplate
from pydantic_core import to_json

from att.errors import ATTError, NotFound
from att.models import Page
from att.operations import Operation
from att.surfaces.mcp_tools import Call

__all__ = ["NEXT", "Address", "Library"]

MEDIA_TYPE = "application/json"
CONFIG = "att://project/{project}/config"
NEXT = "att/next"
"""Key in a content's `_meta`: where the next page is read."""
_PROJECT = "{project}"


@dataclass(frozen=True)
class Address:
    """A resource template: an operation, and where its arguments stand in the URI."""

    operation: Operation
    path: str
    template: UriTemplate

    @classmethod
    def of(cls, operation: Operation, path: str) -> Address:
        """Make the template; arguments that are no lists become parts of the query."""
        names = [p.name for p in operation.wire_parameters if f"{{{p.name}}}" not in path and _single(p.annotation)]
        return cls(operation, path, UriTemplate.parse(path + (f"{{?{','.join(names)}}}" if names else "")))

    @property
    def name(self) -> str:
        """Last word of the address."""
        return self.path.rpartition("/")[2]

    @property
    def beside(self) -> tuple[Operation, ...]:
        """Other operations that reading it needs."""
        return ()

    @property
    def on_project(self) -> bool:
        return _PROJECT in self.path

    def uri(self, project: str) -> str:
        """Return the plain URI for a project."""
        return self.path.replace(_PROJECT, project)

    def arguments(self, uri: str) -> dict[str, Any] | None:
        """Return the operation's arguments in a URI, or None when it is another address."""
        found = self.template.match(uri)
        return None if found is None else dict(found)

    def read(self, call: Call, uri: str, given: Mapping[str, Any]) -> types.TextResourceContents:
        """Read it. Raises what the operation raises."""
        value = call(self.operation, given)
        text = self.operation.result_adapter.dump_json(value).decode()
        meta: dict[str, Any] | None = None
        if isinstance(value, Page) and value.has_more and value.cursor is not None:
            meta = {NEXT: self.template.expand({k: str(v) for k, v in {**given, "cursor": value.cursor}.items()})}
        return types.TextResourceContents(uri=uri, mime_type=MEDIA_TYPE, text=text, _meta=meta)


@dataclass(frozen=True)
class ConfigAddress(Address):
    """The project's settings, and its workflow file when it is a NAT app that names one."""

    reading: Operation

    @property
    def beside(self) -> tuple[Operation, ...]:
        return (self.reading,)

    def read(self, call: Call, uri: str, given: Mapping[str, Any]) -> types.TextResourceContents:
        status = call(self.operation, given)
        found: dict[str, Any] = {"adapter": status.adapter, "settings": status.project.to_json()}
        path = status.project.nat_config
        if path is not None:
            found["nat_config"] = {"path": path, "content": call(self.reading, {**given, "path": path}).content}
        return types.TextResourceContents(uri=uri, mime_type=MEDIA_TYPE, text=to_json(found).decode())


class Library:
    """Every resource that a server offers."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        known = {o.name: o for o in operations if "mcp" not in o.absent}
        self.addresses = [Address.of(o, o.resource) for o in known.values() if o.resource is not None]
        if {"project.status", "code.read"} <= known.keys() and all(a.path != CONFIG for a in self.addresses):
            template = UriTemplate.parse(CONFIG)
            self.addresses.append(ConfigAddress(known["project.status"], CONFIG, template, known["code.read"]))
        self._projects = known.get("project.list")

    def templates(self) -> types.ListResourceTemplatesResult:
        """List the templates: those with a project, and the query of the others."""
        return types.ListResourceTemplatesResult(
            resource_templates=[
                types.ResourceTemplate(
                    name=address.name,
                    uri_template=str(address.template),
                    description=address.operation.summary,
                    mime_type=MEDIA_TYPE,
                )
                for address in self.addresses
                if address.template.variables
            ]
        )

    def page(self, call: Call, cursor: str | None) -> types.ListResourcesResult:
        """List the resources: first those of no project, then those of each project; the cursor is project.list's."""
        listed = [] if cursor else [_resource(a, a.path, a.name) for a in self.addresses if not a.on_project]
        if self._projects is None:
            return types.ListResourcesResult(resources=listed)
        page = call(self._projects, {} if cursor is None else {"cursor": cursor})
        for status in page.projects:
            project = status.project.id
            listed += [_resource(a, a.uri(project), f"{project} {a.name}") for a in self.addresses if a.on_project]
        return types.ListResourcesResult(resources=listed, next_cursor=page.cursor if page.has_more else None)

    def find(self, uri: str) -> tuple[Address, dict[str, Any]]:
        """Return the address of a URI, and the arguments in it. Raises NotFound."""
        for address in self.addresses:
            given = address.arguments(uri)
            if given is not None:
                return address, given
        raise NotFound(f"There is no resource {uri!r}; resources/templates/list names them.", uri=uri)

    def behind(self, uris: Iterable[str]) -> list[Operation]:
        """Return the operations that reading these would need; addresses that are none of ours have none."""
        found: dict[str, Operation] = {}
        for uri in uris:
            for address in self.addresses:
                if address.arguments(uri) is not None:
                    found.update({o.name: o for o in (address.operation, *address.beside)})
        return list(found.values())

    def projects(self, call: Call, beginning: str) -> list[str]:
        """Return ids of projects that begin so, to complete what is being typed."""
        if self._projects is None:
            return []
        try:
            found = call(self._projects, {"limit": 1000}).projects
        except ATTError:
            return []
        return [s.project.id for s in found if s.project.id.startswith(beginning)][:100]


def _resource(address: Address, uri: str, name: str) -> types.Resource:
    return types.Resource(uri=uri, name=name, description=address.operation.summary, mime_type=MEDIA_TYPE)


def _single(annotation: Any) -> bool:
    """Say whether an argument is one value, which a query can hold."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _single(get_args(annotation)[0])
    if origin in (Union, builtin.UnionType):
        return all(_single(member) for member in get_args(annotation))
    return origin not in (list, dict) and annotation not in (list, dict)
