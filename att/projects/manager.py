"""Projects: register, make from templates, clone, download, look up, change and remove."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from att.errors import Busy, Conflict, Invalid, NotFound, PermissionDenied
from att.models import now
from att.projects.catalogue import TemplateFolder, find_template, list_templates
from att.projects.copying import copy_files
from att.projects.masking import masked, unmasked
from att.projects.models import (
    Project,
    ProjectChange,
    ProjectPage,
    ProjectRemoval,
    ProjectSettings,
    ProjectSetup,
    ProjectStatus,
    TemplateList,
)
from att.projects.recipe import Recipe, Step
from att.projects.removal import check_deletable, delete_folder
from att.projects.setups import Setups, never_begun
from att.projects.urls import Source, archive_source, git_source
from att.runtime.models import RuntimeStatus

if TYPE_CHECKING:
    from att.events.manager import EventLog
    from att.projects.registry import ProjectRegistry
    from att.runtime.launcher import Launcher
    from att.runtime.manager import RuntimeManager
    from att.settings import ATT

__all__ = ["ProjectManager"]

_log = logging.getLogger("att")


class ProjectManager:
    """Everything about projects but running them. Every `Project` that it returns has its secrets masked.

    Holds no state beside its setups' watcher; any number of threads and processes may act on the same projects.
    """

    def __init__(
        self,
        registry: ProjectRegistry,
        runtime: RuntimeManager,
        launcher: Launcher,
        events: EventLog,
        *,
        settings: ATT,
    ) -> None:
        self._registry = registry
        self._runtime = runtime
        self._launcher = launcher
        self._settings = settings
        self._setups = Setups(launcher, events)

    def open(self) -> None:
        """Adopt setups that go on from before, and write down the ends that nobody has seen."""
        for project in self._registry.list():
            if _is_made(project):
                try:
                    self._setups.adopt(project.id)
                except Exception:  # noqa: BLE001 - one unreadable setup must not keep the others from opening
                    _log.exception("The setup of %s cannot be read", project.id)

    def close(self) -> None:
        """Stop watching setups; they go on."""
        self._setups.close()

    # Making

    def create(
        self, project: str, settings: ProjectSettings, *, template: str | None = None, git_url: str | None = None
    ) -> Project | ProjectSetup:
        """Register a folder, write a template, or clone a repository.

        A template without an environment of its own is written at once; everything else that makes files goes on as a
        setup. Raises Conflict for a taken id or folder, NotFound for a missing folder, template or interpreter,
        Invalid.
        """
        if template is not None and git_url is not None:
            raise Invalid("Give either template or git_url.")
        if template is not None:
            return self._from_template(project, settings, find_template(template))
        if git_url is not None:
            return self._clone(project, settings, git_source(git_url))
        path = settings.get("path")
        if path is not None:
            _check_folder(str(path))
        return _safe(self._registry.add(_project(project, settings)))

    def download(self, project: str, url: str, settings: ProjectSettings, *, sha256: str | None = None) -> ProjectSetup:
        """Begin to fetch an archive and unpack it into the folder. Raises Conflict, Invalid, PermissionDenied."""
        source = archive_source(url)
        target = self._target(project, settings)
        fetched = {"source": source.shown, **({"sha256": sha256} if sha256 else {})}
        steps = [
            Step("fetch", f"Fetch {source.shown}", fetched),
            Step("unpack", f"Unpack into {target}", {"target": str(target)}),
        ]
        return self._set_up(_project(project, settings, source=source.shown), target, steps, source)

    def templates(self) -> TemplateList:
        """Return all templates by name."""
        return TemplateList(templates=[template.describe() for template in list_templates()])

    def _clone(self, project: str, settings: ProjectSettings, source: Source) -> ProjectSetup:
        target = self._target(project, settings)
        step = Step("clone", f"Clone {source.shown}", {"source": source.shown, "target": str(target)})
        return self._set_up(_project(project, settings, source=source.shown), target, [step], source)

    def _from_template(
        self, project: str, settings: ProjectSettings, template: TemplateFolder
    ) -> Project | ProjectSetup:
        target = self._target(project, settings)
        made = _project(project, template.settings(settings), template=template.name)
        if not template.instant:
            return self._set_up(made, target, _template_steps(template, target, made.python))
        _make_target(target)
        try:
            copy_files(template.files, target)
        except (OSError, shutil.Error) as error:
            _check_empty(target)  # somebody else may have filled it meanwhile
            raise PermissionDenied(f"The template cannot be written to {target}: {error}.", path=str(target)) from None
        try:
            self._registry.add(made)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)  # nobody has it yet
            raise
        return _safe(made)

    def _target(self, project: str, settings: ProjectSettings) -> Path:
        """Return the folder that is to be filled. Raises Invalid without one, Conflict when it or the id is taken."""
        path = settings.get("path")
        if path is None:
            raise Invalid("Give path: the folder that is to be made, which must be absent or empty.", argument="path")
        if any(known.id == project for known in self._registry.list()):
            raise Conflict(f"There is a project {project!r} already. Use it, or choose another id.", project=project)
        target = Path(path)
        _check_empty(target)
        return target

    def _set_up(self, project: Project, target: Path, steps: list[Step], source: Source | None = None) -> ProjectSetup:
        """Register the project, which exists from now on, and begin to make it.

        The lock is held meanwhile, by which `_setup_of` knows that this goes on.
        """
        with self._launcher.project_lock(project.id):
            self._registry.add(project)
            try:
                _make_target(target)
                recipe = Recipe(tuple(steps), self._settings.download_limit_bytes)
                return self._setups.start(project.id, recipe, _secret(source))
            except BaseException:
                self._registry.remove(project.id)
                raise

    # Looking

    def list(self, cursor: str | None = None, limit: int = 500) -> ProjectPage:
        """Return the projects behind `cursor` (an id), by id, with their state."""
        wanted = [project for project in self._registry.list() if cursor is None or project.id > cursor]
        page = wanted[:limit]
        statuses = self._runtime.statuses(page)
        return ProjectPage(
            projects=[self._status(project, statuses[project.id]) for project in page if project.id in statuses],
            cursor=page[-1].id if page else cursor,
            has_more=len(wanted) > limit,
        )

    def status(self, project: str) -> ProjectStatus:
        """Return a project with what it does now. Raises NotFound."""
        return self._status(self._registry.get(project), self._runtime.status(project))

    def _status(self, project: Project, runtime: RuntimeStatus) -> ProjectStatus:
        adapter = self._runtime.adapter(project)
        return ProjectStatus(
            project=_safe(project),
            runtime=runtime,
            setup=self._setup_of(project),
            adapter="none" if adapter is None else adapter.name,
        )

    def _setup_of(self, project: Project) -> ProjectSetup | None:
        """Return the latest setup; None when none was needed. A creation that was cut short has failed."""
        found = self._setups.latest(project.id) if _is_made(project) else None
        if found is not None or not _needs_setup(project):
            return found
        try:
            with self._launcher.project_lock(project.id, timeout=0):
                return self._setups.latest(project.id) or never_begun(project, over=True)
        except Busy:
            return never_begun(project, over=False)

    def setup(self, project: str) -> ProjectSetup:
        """Return the latest setup. Raises NotFound when the project is unknown or needed none."""
        return _existing(self._setup_of(self._registry.get(project)), project)

    def cancel_setup(self, project: str) -> ProjectSetup:
        """Stop the setup; what it has made stays. An ended one is returned as it is. Raises NotFound, TimedOut."""
        known = self._registry.get(project)
        return _existing(self._setups.cancel(project) or self._setup_of(known), project)

    def archive(self, project: str) -> Generator[bytes, None, None]:
        """Return the project's files as the blocks of a zip, without what git ignores and virtual environments.

        Raises NotFound before the first block.
        """
        from att.code.folder import Folder
        from att.code.walking import walk
        from att.projects.zipping import zip_blocks

        path = self._registry.get(project).path
        if path is None:
            raise NotFound(f"The project {project!r} has no folder; set its path first.", project=project)
        folder = Folder(path)
        return zip_blocks(folder, (entry.path for entry in walk(folder) if entry.kind != "folder"))

    # Changing

    def update(self, project: str, settings: ProjectSettings) -> ProjectChange:
        """Set exactly what is given. Raises NotFound for a missing folder, Busy while a setup fills it, Invalid."""
        known = self._registry.get(project)
        path = settings.get("path")
        if path is not None:
            _check_folder(str(path))
        if "path" in settings and path != known.path and self._is_being_set_up(known):
            raise Busy(f"The project {project!r} is being set up; wait for it or cancel that first.", project=project)
        after, changed = self._registry.change(project, settings)
        restart = bool(changed) and self._runtime.status(project).restart_to_apply
        return ProjectChange(project=_safe(after), changed=[*changed], restart_to_apply=restart)

    def delete(self, project: str, *, files: bool = False) -> ProjectRemoval:
        """Stop a project and its setup, forget it with its runs, and delete its folder if `files`.

        Raises PermissionDenied when the folder must not be deleted; then nothing was stopped but a setup, unless
        something came into it while the project ended.
        """
        known = self._registry.get(project)
        if files and not self._is_being_set_up(known):
            self._deletable(known)
        self._setups.cancel(project)
        folder = self._deletable(known) if files else None
        with self._launcher.project_lock(project):  # whoever waits to start it finds it gone
            self._runtime.forget(project)
            self._setups.forget(project)
            if folder is not None:
                self._deletable(known)  # somebody may have put it to use while the project ended
                delete_folder(folder)
            self._registry.remove(project)
        return ProjectRemoval(project=project, files_deleted=folder is not None)

    def _deletable(self, project: Project) -> Path | None:
        return check_deletable(project, self._registry.list(), [self._registry.folder, self._launcher.projects_dir])

    def _is_being_set_up(self, project: Project) -> bool:
        setup = self._setups.latest(project.id) if _is_made(project) else None
        return setup is not None and setup.state == "running"


def _is_made(project: Project) -> bool:
    """Say whether ATT has made the project's files."""
    return project.template is not None or project.source is not None


def _needs_setup(project: Project) -> bool:
    """Say whether making the project's files was long work."""
    if project.template is None:
        return project.source is not None
    return any(template.name == project.template and not template.instant for template in list_templates())


def _existing(setup: ProjectSetup | None, project: str) -> ProjectSetup:
    if setup is None:
        raise NotFound(f"The project {project!r} needed no setup.", project=project)
    return setup


def _safe(project: Project) -> Project:
    """Return the project as it may travel."""
    return project.model_copy(update={"env": masked(project.env)})


def _project(name: str, settings: ProjectSettings, **made: Any) -> Project:
    """Build a new project. Raises Invalid."""
    at = now()
    told: dict[str, Any] = {**settings, "env": unmasked(settings.get("env", {}), {})}
    if settings.get("grant_token"):
        told["granted_at"] = at
    try:
        return Project(**{**told, "id": name, "created_at": at, "updated_at": at, **made})
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"The project cannot have these settings: {where}: {first['msg']}.") from None


def _check_folder(path: str) -> None:
    folder = Path(path)
    if not folder.exists():
        raise NotFound(
            f"The folder {path} does not exist; make it, or have it made with template or git_url.", path=path
        )
    if not folder.is_dir():
        raise Invalid(f"{path} is not a folder.", path=path)


def _check_empty(target: Path) -> None:
    if "\0" in str(target):
        raise Invalid("A path holds no NUL; choose another one.", path=str(target))
    if target.is_symlink() and not target.exists():
        raise Conflict(f"{target} is a link that leads nowhere; choose another path.", path=str(target))
    if not target.exists():
        return
    if not target.is_dir():
        raise Conflict(f"{target} is a file; choose another path.", path=str(target))
    try:
        taken = any(target.iterdir())
    except OSError as error:
        raise PermissionDenied(f"{target} cannot be read: {error.strerror}.", path=str(target)) from None
    if taken:
        raise Conflict(f"{target} is not empty; choose another path, or register it as it is.", path=str(target))


def _make_target(target: Path) -> None:
    """Make the folder, so that a path that cannot be made is told at once. Raises PermissionDenied."""
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PermissionDenied(f"{target} cannot be made: {error.strerror}.", path=str(target)) from None


def _secret(source: Source | None) -> dict[str, str]:
    if source is None or not source.secret:
        return {}
    return {"url": source.fetched, **({"login": source.login} if source.login else {})}


def _template_steps(template: TemplateFolder, target: Path, python: str | None) -> list[Step]:
    """Return how a template is made ready: in the given interpreter, else in an environment of its own."""
    steps = [Step("copy", f"Write the template {template.name}", {"files": str(template.files), "target": str(target)})]
    if python is None:
        python = str(target / ".venv" / "bin" / "python")
        packages = f"{len(template.requirements)} packages" if template.requirements else "nothing"
        steps.append(Step("environment", "Make the environment .venv", {"folder": str(target / ".venv")}))
        if template.requirements:
            arguments = {"python": python, "requirements": "\n".join(template.requirements)}
            steps.append(Step("requirements", f"Install {packages} and what they need", arguments))
    else:
        python = _interpreter(python, target)
    if template.install:
        steps.append(Step("install", "Install the project", {"python": python, "project": str(target)}))
    return steps


def _interpreter(python: str, target: Path) -> str:
    """Return the path of an interpreter, relative ones below the project's folder. Raises NotFound."""
    named = shutil.which(python) if "/" not in python else str(target / Path(python).expanduser())
    if named is None or not Path(named).is_file():
        raise NotFound(f"There is no Python {python!r}; give the path of an interpreter.", python=python)
    return named
