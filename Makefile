# Every target sets up what it needs: a virtual environment in .venv with hepy installed from this tree.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# pip builds in a throwaway environment; sources of the compiled modules decide when that is due.
SOURCES := pyproject.toml CMakeLists.txt $(shell find cuda cpu -type f 2>/dev/null)
DEMO := $(VENV)/.installed-for-demo
STAMP := $(VENV)/.installed-for-development

.PHONY: demo test test-slow bench lint format clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(DEMO): $(BIN)/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	touch $@

$(STAMP): $(BIN)/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: $(DEMO)
	$(BIN)/hepy demo

test: $(STAMP)
	$(BIN)/python -m pytest

test-slow: $(STAMP)
	$(BIN)/python -m pytest -m "slow and not gpu"

bench: $(STAMP)
	$(BIN)/python -m hepy.benchmarks setup
	$(BIN)/python -m hepy.benchmarks run
	$(BIN)/python -m hepy.benchmarks report

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	find cuda cpu -name '*.cu' -o -name '*.cuh' -o -name '*.hpp' -o -name '*.cpp' 2>/dev/null | xargs -r $(BIN)/clang-format --dry-run --Werror

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build
