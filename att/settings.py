"""Every setting of ATT: name, type, default and one sentence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_config_path, jupyter_data_dir
from traitlets import Bool, Enum, Float, Int, List, TraitError, TraitType, Unicode
from traitlets.config import Config, Configurable
from traitlets.config.loader import JSONFileConfigLoader, PyFileConfigLoader

from att.errors import Invalid

__all__ = ["ATT", "load_settings"]

MIB = 1024 * 1024


class ATT(Configurable):
    """Settings, given as `c.ATT.<name>` in a Jupyter configuration file, `--ATT.<name>=` or `ATT_<NAME>`."""

    data_dir = Unicode(help="Where ATT keeps its database and runs; default <jupyter data dir>/att.").tag(config=True)
    run_dir = Unicode(
        help="Where run directories and locks live; default inside data_dir, or a local folder when that is on a "
        "network file system."
    ).tag(config=True)
    log_limit_bytes = Int(64 * MIB, min=MIB, help="Most log bytes kept of one run; the newest are kept.").tag(
        config=True
    )
    keep_runs = Int(10, min=1, help="Past runs kept of each project.").tag(config=True)
    keep_run_bytes = Int(256 * MIB, min=MIB, help="Most bytes kept of all runs of a project.").tag(config=True)
    history_days = Int(
        0, min=0, help="Days for which the results of a project's test runs are kept; 0 keeps them for ever."
    ).tag(config=True)
    history_runs = Int(
        0, min=0, help="Newest test runs of each project whose results are kept; 0 keeps those of all runs."
    ).tag(config=True)
    download_limit_bytes = Int(
        512 * MIB, min=1024, help="Largest archive that is fetched, and largest size it may unpack to."
    ).tag(config=True)
    file_limit_bytes = Int(10 * MIB, min=1024, help="Largest file that is read, searched or written.").tag(config=True)
    stop_on_shutdown = Bool(
        False, help="Stop all projects when the Jupyter server shuts down; by default they go on and are adopted later."
    ).tag(config=True)
    running_counts_as_activity = Bool(False, help="A running project keeps the server from being culled as idle.").tag(
        config=True
    )
    worker_threads = Int(8, min=1, max=64, help="Threads that answer requests in the Jupyter server.").tag(config=True)
    follow_seconds = Float(
        0.05, min=0.005, max=10, help="Seconds between two looks for something new while a stream is followed."
    ).tag(config=True)
    dask_scheduler = Unicode(
        help="Address of the Dask scheduler for test runs with executor='dask', like tcp://host:8786."
    ).tag(config=True)
    metrics_seconds = Float(2.0, min=0.2, help="Seconds between samples of CPU and memory while asked for.").tag(
        config=True
    )
    mcp_path = Unicode(
        "mcp", help="Path below the server's base URL where agents reach ATT over MCP; empty: not served."
    ).tag(config=True)
    mcp_tools = List(
        Unicode(),
        ["project", "runtime", "test", "code", "event"],
        help="Operations that are MCP tools: groups like 'runtime', single ones like 'runtime.logs', or '*'.",
    ).tag(config=True)
    mcp_tool_separator = Enum(
        [".", "_"], ".", help="Between the words of a tool's name; '_' is for clients that refuse dots."
    ).tag(config=True)
    mcp_connect_seconds = Float(
        30.0, min=0.1, max=600, help="Seconds until an attempt to connect an external MCP server is given up."
    ).tag(config=True)
    mcp_health_seconds = Float(
        15.0, min=0.1, max=3600, help="Seconds between two checks of an external MCP server."
    ).tag(config=True)
    mcp_check_seconds = Float(
        10.0, min=0.1, max=600, help="Seconds until a check of an external MCP server counts as missed."
    ).tag(config=True)
    log_level = Enum(
        ["DEBUG", "INFO", "WARNING", "ERROR"], "WARNING", help="Least level of ATT's own log messages."
    ).tag(config=True)

    @property
    def data_path(self) -> Path:
        """The data directory."""
        return Path(self.data_dir).expanduser().absolute() if self.data_dir else Path(jupyter_data_dir()) / "att"


def load_settings(config: Config | None = None, **explicit: Any) -> ATT:
    """Build the settings: explicit values, then `config` or the Jupyter configuration files, then `ATT_*` variables.

    Raises Invalid for a value of the wrong type or out of range, naming the variable or the setting.
    """
    merged = _from_environment()
    merged.merge(config if config is not None else _from_files())
    try:
        return ATT(config=merged, **explicit)
    except TraitError as error:
        raise Invalid(f"A setting of ATT is wrong: {error} Correct c.ATT in Jupyter's configuration.") from error


def _from_environment() -> Config:
    found = Config()
    for name, trait in ATT.class_traits(config=True).items():
        value = os.environ.get(f"ATT_{name.upper()}")
        if value is not None:
            found.ATT[name] = _parsed(name, trait, value)
    return found


def _parsed(name: str, trait: TraitType[Any, Any], value: str) -> Any:
    """Return the value of a variable. Raises Invalid."""
    if isinstance(trait, List):  # traitlets reads lists from its own command line only
        return [word.strip() for word in value.split(",") if word.strip()]
    try:
        parsed = trait.from_string(value)
        ATT(**{name: parsed})
    except (ValueError, TraitError) as error:
        variable = f"ATT_{name.upper()}"
        raise Invalid(
            f"The environment variable {variable} is {value!r}, but must be {_expected(trait)}. {trait.help}",
            variable=variable,
            value=value,
        ) from error
    return parsed


def _expected(trait: TraitType[Any, Any]) -> str:
    """Say in words which values a setting takes."""
    if isinstance(trait, Enum):
        return "one of " + ", ".join(map(str, trait.values or ()))
    if isinstance(trait, Bool):
        return "true or false"
    if not isinstance(trait, (Int, Float)):
        return "a text"
    bounds = (("at least", trait.min), ("at most", trait.max))
    told = [f"{words} {bound:g}" for words, bound in bounds if bound is not None and abs(bound) != float("inf")]
    kind = "a whole number" if isinstance(trait, Int) else "a number"
    return f"{kind} of {' and '.join(told)}" if told else kind


def _from_files() -> Config:
    merged = Config()
    for folder in reversed(jupyter_config_path()):
        for name in ("jupyter_config", "jupyter_server_config", "jupyter_att_config"):
            for loader, suffix in ((JSONFileConfigLoader, ".json"), (PyFileConfigLoader, ".py")):
                if (Path(folder) / f"{name}{suffix}").is_file():
                    loaded = loader(f"{name}{suffix}", folder).load_config()
                    merged.merge(Config({"ATT": loaded.get("ATT", Config())}))
    return merged
