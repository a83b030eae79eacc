.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

help:  ## list the verbs
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"storehouse needs Python 3.11 to 3.13, this is {v[0]}.{v[1]}. Name another one: make PYTHON=python3.12 ...")'
	@$(PYTHON) -c 'import ctypes, sys; sys.platform == "linux" and ctypes.CDLL("libgomp.so.1")' 2>/dev/null \
		|| { echo "The system library libgomp.so.1 is missing, which LightGBM needs. Install it: apt-get install libgomp1 (Debian, Ubuntu) or dnf install libgomp (Fedora)."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	awk '/^uv==/ {on = 1} on {print} on && !/\\$$/ {exit}' requirements.lock > $(VENV)/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(VENV)/uv.lock
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip sync --quiet --require-hashes requirements.lock
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(VENV)/.installed  ## install everything; write stubs, dbt packages and the manifest
	@storehouse admin prepare

run: setup  ## the demo in one go: simulate where nothing was ever landed, then storehouse run
	@if storehouse admin is-empty; then storehouse simulate --scale demo; fi
	@storehouse run

# A file of tests stays with one worker, the longest first; the demo is made once for all of them.
test: setup  ## every test
	@pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lint: setup  ## ruff, mypy and sqlfluff
	ruff format --check .
	ruff check .
	mypy
	sqlfluff lint --processes 0 models tests

# A home of its own for Dagster, so that schedules and sensors stay as they were switched.
dev: setup  ## open the asset graph in Dagster
	@mkdir -p .dagster && cp dagster.yaml .dagster/
	DAGSTER_HOME=$(CURDIR)/.dagster dagster dev

docs: setup  ## one offline page of every model and column: target/static_index.html
	dbt docs generate --static

bench-%: setup  ## measure: make bench-simulator
	@python -m bench.$*

$(VENV)/.bench: $(VENV)/.installed
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-build-isolation --editable '.[bench]'
	@touch $@

bench-ml: setup $(VENV)/.bench  ## measure the models, next to other libraries
	@python -m bench.ml

lock: $(VENV)/.installed  ## resolve requirements.lock anew from pyproject.toml
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 --extra dev \
		--custom-compile-command 'make lock' --output-file requirements.lock pyproject.toml

clean:  ## remove build products; data/ stays
	rm -rf target logs dbt_packages package-lock.yml .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help setup run test lint dev docs bench-ml lock clean
