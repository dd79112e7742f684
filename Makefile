# Each target works on a machine with nothing but Python 3.11 or newer: it makes .venv first.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
CHECKED := $(shell grep -l -e '"--check"' benchmarks/*.py)

.DEFAULT_GOAL := help
.PHONY: help install serve test test-fast lint types bench check-bench screenshots

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST)

serve: $(INSTALLED)  ## start the server and print its address
	@$(BIN)/nextlabel serve

test: $(INSTALLED)  ## run the tests
	$(BIN)/python -m pytest -n auto --dist loadgroup --no-loadscope-reorder

test-fast: $(INSTALLED)  ## run the tests that need no browser, no server processes and little time
	$(BIN)/python -m pytest -n auto --dist loadgroup --no-loadscope-reorder -m 'not slow and not browser and not e2e'

lint: $(INSTALLED)  ## check style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(INSTALLED)  ## check types
	$(BIN)/mypy

bench: $(INSTALLED)  ## run the benchmarks; takes a while
	for file in $(CHECKED); do $(BIN)/python $$file || exit 1; done

check-bench: $(INSTALLED)  ## run the benchmarks briefly, to check that they work
	for file in $(CHECKED); do $(BIN)/python $$file --check || exit 1; done

screenshots: $(INSTALLED)  ## take screenshots of every page into docs/screenshots
	PYTHONPATH=benchmarks:tests $(BIN)/python tests/browser/screenshots.py

install: $(INSTALLED)  ## create or update .venv

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "nextlabel needs Python 3.11 or newer; name one, as in: make PYTHON=python3.12")'
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[dev,graph]'
	@touch $@
