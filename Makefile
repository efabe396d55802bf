# `make run` starts the console, `make test` proves it. Both bootstrap by themselves.
# PY=python3.12 names the Python to use; every setting of .env.example may stand in front:
# PORT=8001 make run

VENV := .venv
BIN := $(VENV)/bin
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test check test-only chaos format lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null \
	  || sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1: \2/p' $(MAKEFILE_LIST)

run: $(VENV)/.run ## start everything; Ctrl-C stops it
	@exec $(BIN)/python manage.py up

test: $(VENV)/.all ## format, lint, types, import contracts, migrations, all tests
	@exec .ci/test.sh static tests

check: $(VENV)/.all ## the static half of `make test`
	@exec .ci/test.sh static

test-only: $(VENV)/.all ## the tests of `make test`; COVERAGE=1 measures what they reach
	@exec .ci/test.sh tests

chaos: $(VENV)/.all ## kill and confuse a whole console while it trades; ARGS="--short" for minutes
	@$(BIN)/python -m benchmarks.chaos $(ARGS)

format: $(VENV)/.all ## format and sort the sources
	@$(BIN)/ruff check -q --fix --select I . && $(BIN)/ruff format .

lock: ## pin requirements/ again from pyproject.toml (ARGS=--upgrade for newer versions)
	@exec .ci/lock.sh $(ARGS)

clean: ## remove .venv and caches; what is in var/ stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.run: requirements/run.txt
	@.ci/bootstrap.sh run

$(VENV)/.all: requirements/all.txt
	@.ci/bootstrap.sh all
