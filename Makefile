# make demo          set up, then watch recommendations change as real events arrive
# make test          set up, then run the tests, on all cores     make test-slow  those that take long
# make install       set up alone, kernels compiled          make check    format, lint, types
# make kafka         a real Apache Kafka on 127.0.0.1:9092 (Java and Maven)   make kafka-stop
# make bench         figures of this machine
#
# make demo FOR=60s KAFKA=host:port DATA=path        make install PIP_EXTRA='…'
# PyTorch without CUDA (about 1 GB instead of 5): make install TORCH_INDEX=https://download.pytorch.org/whl/cpu

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
PIP_EXTRA ?=
TORCH_INDEX ?=
FOR ?=
KAFKA ?=
DATA ?=
TESTS ?=

ifneq ($(wildcard ../shared/data),)
export RIVERWALK_DATA ?= $(abspath ../shared/data)
endif

VENV := .venv
BIN := $(VENV)/bin
DONE := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help install check test test-slow demo kafka kafka-stop bench clean

help:
	@sed -n 's/^# \{0,1\}//p;/^$$/q' Makefile

install: $(DONE)

# The CPU wheel calls itself 2.13.0+cpu, which the constraint 2.13.0 takes. Installed first and without its
# dependencies, it is found there by the second step, which then leaves CUDA's packages alone.
$(DONE): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not here; install Python 3.11 or newer, or say make PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$($(PYTHON) --version) is too old; Python 3.11 or newer is needed: make PYTHON=python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
ifneq ($(TORCH_INDEX),)
	$(PIP) install $(PIP_EXTRA) --no-deps --constraint constraints.txt --index-url $(TORCH_INDEX) torch
endif
	$(PIP) install $(PIP_EXTRA) --constraint constraints.txt --editable '.[dev]'
	@touch $@
	@$(BIN)/riverwalk warm

check: $(DONE)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The tests of a file run in one process, so that they share its brokers and instances.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --dist loadfile

test: $(DONE)
	$(PYTEST) -m 'not slow' $(TESTS)

test-slow: $(DONE)
	$(PYTEST) -m slow $(TESTS)

demo: $(DONE)
	@$(BIN)/riverwalk demo $(if $(DATA),--data '$(DATA)') $(if $(FOR),--for $(FOR)) $(if $(KAFKA),--kafka $(KAFKA))

kafka: $(DONE)
	@$(BIN)/riverwalk kafka start

kafka-stop: $(DONE)
	@$(BIN)/riverwalk kafka stop

bench: $(DONE)
	@for name in ingest serve; do $(BIN)/riverwalk bench $$name; echo; done

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find stream tgn state deploy tests -name __pycache__ -prune -exec rm -rf {} +
