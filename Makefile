# Every target makes the virtual environment it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PICTURES := panel-crash panel-tests tests-failed crashed picker-new log-search loop mcp-failover
PICTURED := crash_shows_its_reason or everything_of_a_project or project_is_made_and_chosen or search_levels_times \
  or every_view_shows or program_has_gone or by_click_shows_progress
DEMO_DIR ?= $(CURDIR)/.cache/demo

.PHONY: demo test check lab notebooks screenshots bench format clean help

help:  ## Show the targets.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ATT needs Python 3.11 or newer; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/.core: $(BIN)/uv pyproject.toml
	ATT_LABEXTENSION=skip $(BIN)/uv pip install --quiet --python $(BIN)/python --editable .
	@touch $@

$(VENV)/.all: $(BIN)/uv pyproject.toml
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --editable '.[test,lab,dask,duckdb]'
	-@$(BIN)/python jupyter_ext/labextension/hatch_build.py
	@touch $@ $(VENV)/.core

demo: $(VENV)/.core  ## Run a service and a real NeMo Agent Toolkit app: health, logs, crash, restart, adoption.
	@$(BIN)/python -m att.demo --dir $(DEMO_DIR)

# Tests start a thousand processes, and each would compile ATT anew where the environment forbids to keep bytecode.
test: export PYTHONDONTWRITEBYTECODE =

test: check  ## Check the code, then run every test with real processes, servers, NAT and notebooks.
	$(BIN)/python -m pytest --numprocesses 2 --dist loadscope $(PYTEST_ARGS)

check: $(VENV)/.all  ## Lint, format, types and layers.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	@$(BIN)/python jupyter_ext/labextension/hatch_build.py --check

format: $(VENV)/.all  ## Bring the code into its format.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lab: $(VENV)/.all  ## Open JupyterLab with the extension on the notebooks.
	-@$(BIN)/python jupyter_ext/labextension/hatch_build.py
	$(BIN)/jupyter lab --notebook-dir=notebooks

notebooks: $(VENV)/.all  ## Execute the notebooks and keep what they show, without widgets of a kernel that is gone.
	$(BIN)/python -m tests.notebooks.execution

screenshots: $(VENV)/.all  ## Take the pictures of README and notebooks from a real JupyterLab.
	$(BIN)/python -m pytest tests/browser -q --basetemp=/tmp/studio -k '$(PICTURED)'
	mkdir -p notebooks/images
	for name in $(PICTURES); do cp .cache/screenshots/$$name-light.png .cache/screenshots/$$name-dark.png notebooks/images/; done

bench: $(VENV)/.all  ## Measure against peers, side by side; prints ratios.
	$(BIN)/python -m tests.benchmarks

clean:  ## Remove environments and caches.
	rm -rf $(VENV) .cache dist
