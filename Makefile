# make demo: install the core and solve a real network.   make test: install everything and run all checks.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo test format clean

demo: $(VENV)/.core
	mkdir -p demo
	$(BIN)/milproute solve surfnet-10 --out demo/plan.json --plot demo/plan.svg
	@echo "wrote demo/plan.json and demo/plan.svg"

test: $(VENV)/.everything
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest

format: $(VENV)/.everything
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/.core: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable .
	touch $@

$(VENV)/.everything: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable ".[all,dev]"
	touch $@ $(VENV)/.core

# Debian and Ubuntu ship venv apart from Python: fetch it where we may, else say what to type.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "milproute needs Python 3.11 or later; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq python3-venv; } || \
		{ echo "venv is missing; run: sudo apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) demo build dist *.egg-info
