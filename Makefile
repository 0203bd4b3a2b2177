# What a developer and an operator call; `make help` lists it.

PYTHON ?= python3
SCALE ?= small
ARGS ?=
SECONDS ?= 60
WORKERS ?= 4

BIN := .venv/bin
SETUP := $(PYTHON) -m scripts.setup
# Checks read the settings, and that makes a data folder: not the operator's.
IN_CHECK_HOME := METERKEYS_HOME=$(CURDIR)/.venv/.setup/home

.DEFAULT_GOAL := help
.PHONY: help python setup run test test-fast check checks-ready lint types imports migrations translations messages format bench stress answers lock

help: ## List what can be called
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("meterkeys needs Python 3.11 or newer; " + sys.executable + " is %d.%d. Name another one: make PYTHON=python3.12" % sys.version_info[:2])'

setup: python ## Set up everything in this folder; again in a second if nothing changed
	@$(SETUP)

run: setup ## Serve http://localhost:8000 with demonstration data (PORT, METERKEYS_HOME)
	@$(BIN)/meterkeys demo
	@exec $(BIN)/meterkeys serve --with-worker

test: python ## Run all tests on SQLite and PostgreSQL (ARGS="tests/keystore -k wrap")
	@$(SETUP) --tests
	@exec $(BIN)/python -m scripts.run_tests $(ARGS)

test-fast: setup ## Run the tests without a browser, on SQLite only (ARGS)
	@$(SETUP) --checks
	@exec $(BIN)/python -m pytest -m "not browser" $(ARGS)

check: checks-ready ## Run every check: style, types, imports, migrations, translations
	@$(MAKE) --no-print-directory --keep-going lint types imports migrations translations

checks-ready: python
	@$(SETUP) --checks

lint: checks-ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: checks-ready
	$(IN_CHECK_HOME) $(BIN)/mypy

imports: checks-ready
	$(BIN)/lint-imports --no-logo

migrations: checks-ready
	$(IN_CHECK_HOME) $(BIN)/meterkeys makemigrations --check --dry-run

translations: checks-ready
	$(IN_CHECK_HOME) $(BIN)/python -m scripts.check_translations

messages: checks-ready ## Bring the message catalogues up to date with the sources
	$(IN_CHECK_HOME) $(BIN)/python -m scripts.check_translations --update

format: checks-ready ## Put the sources into the common layout
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: python ## Measure against hand-written pipelines on both databases (SCALE=small|full)
	@$(SETUP) --tests
	@exec $(BIN)/python -m scripts.postgresql --durable METERKEYS_BENCH_POSTGRESQL $(BIN)/python -m bench $(SCALE)

stress: python ## Move the same devices at random from several processes, on both databases (SECONDS, WORKERS)
	@$(SETUP) --tests
	@$(BIN)/python -m bench.stress --seconds $(SECONDS) --workers $(WORKERS)
	@exec $(BIN)/python -m scripts.postgresql METERKEYS_STRESS_DATABASE $(BIN)/python -m bench.stress --seconds $(SECONDS) --workers $(WORKERS)

answers: checks-ready ## Measure whether the time of an answer tells who has an account
	@exec $(BIN)/python -m bench.answers

lock: setup ## Write the lock files anew from requirements/*.in
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/lock.lock
	for name in runtime test node lock; do \
	  UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --generate-hashes --universal \
	    --python-version 3.11 --upgrade requirements/$$name.in -o requirements/$$name.lock || exit 1; \
	done
