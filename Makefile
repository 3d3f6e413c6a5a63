# Two commands for a newcomer: `make demo` and `make test`. Both make their own environment.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH := torch==2.13.0

.PHONY: demo test lint docs fix clean

demo: $(VENV)/demo
	$(BIN)/labhand demo

test: $(VENV)/dev lint docs
	$(BIN)/pytest -n auto --dist worksteal

lint: $(VENV)/dev
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/dev
	$(BIN)/cog --check --diff -I docs docs/reference/*.md
	$(BIN)/zensical build --clean --strict

fix: $(VENV)/dev
	$(BIN)/ruff check --fix src tests benchmarks
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/cog -r -I docs docs/reference/*.md

clean:
	rm -rf $(VENV) site

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "labhand needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/demo: $(VENV)/bin/python pyproject.toml
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

# torch comes by pip in the version that has a plain CPU wheel; it is in no lock file on purpose.
$(VENV)/dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --constraint constraints.txt --editable . --group dev
	$(BIN)/pip install --quiet $(TORCH)
	touch $@
