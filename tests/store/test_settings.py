"""Settings come from configuration files, the environment and arguments, and each is explained."""

from __future__ import annotations

from pathlib import Path

import pytest
from traitlets.config import Config

from att import connect
from att.errors import Invalid
from att.settings import ATT, load_settings


@pytest.fixture
def config_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    return tmp_path


def test_jupyters_configuration_files_are_read(config_dir: Path) -> None:
    (config_dir / "jupyter_server_config.py").write_text("c.ATT.keep_runs = 3\nc.ServerApp.port = 1\n")
    (config_dir / "jupyter_config.json").write_text('{"ATT": {"worker_threads": 2}}')
    settings = load_settings()
    assert (settings.keep_runs, settings.worker_threads) == (3, 2)


def test_a_file_wins_over_the_environment_and_an_argument_over_both(
    config_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATT_KEEP_RUNS", "5")
    monkeypatch.setenv("ATT_STOP_ON_SHUTDOWN", "true")
    assert load_settings().keep_runs == 5
    assert load_settings().stop_on_shutdown is True
    (config_dir / "jupyter_att_config.py").write_text("c.ATT.keep_runs = 3\n")
    assert load_settings().keep_runs == 3
    assert load_settings(keep_runs=7).keep_runs == 7


def test_a_list_in_the_environment_is_separated_by_commas(config_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATT_MCP_TOOLS", "project, runtime.logs")
    assert load_settings().mcp_tools == ["project", "runtime.logs"]


def test_a_wrong_value_is_refused(config_dir: Path) -> None:
    with pytest.raises(Invalid, match=r"keep_runs.*c\.ATT"):
        load_settings(Config({"ATT": {"keep_runs": 0}}))


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("ATT_KEEP_RUNS", "many", "a whole number of at least 1"),
        ("ATT_KEEP_RUNS", "0", "a whole number of at least 1"),
        ("ATT_FOLLOW_SECONDS", "soon", "a number of at least 0.005 and at most 10"),
        ("ATT_STOP_ON_SHUTDOWN", "perhaps", "true or false"),
        ("ATT_LOG_LEVEL", "LOUD", "one of DEBUG, INFO, WARNING, ERROR"),
    ],
)
def test_a_wrong_variable_is_named_with_what_it_should_be(
    config_dir: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Invalid, match=f"{variable} is '{value}', but must be {expected}") as caught:
        load_settings()
    assert caught.value.details["variable"] == variable


def test_a_wrong_variable_is_told_by_an_embedded_connection(
    config_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ATT_WORKER_THREADS", "lots")
    with pytest.raises(Invalid, match="ATT_WORKER_THREADS is 'lots'"):
        connect(embedded=True, data_dir=tmp_path)


def test_the_data_directory_is_in_jupyters_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    assert ATT().data_path == tmp_path / "att"
    assert ATT(data_dir="~/x").data_path == Path.home() / "x"


@pytest.mark.parametrize("name", ATT.class_own_traits(config=True))
def test_every_setting_is_explained_in_a_sentence(name: str) -> None:
    help_text = str(ATT.class_traits()[name].help)
    assert help_text.endswith(".") or help_text.endswith("att"), name
