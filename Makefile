# Everything runs in .venv, which the targets make: a machine needs make and Python 3.10 or later.
#
#   make demo                 a chat room on Tornado, Twisted and asyncio at once (HOST=uvloop, HOST=epoll)
#   make test                 the tests, the upstream suites of all three worlds among them
#   make check                linters, types, import direction, changelog, documentation, engine coverage
#   make test-all             the tests on every Python found, on the oldest and the newest dependencies
#   make coverage             the tests, with a report of the lines and branches they missed
#   make bench                every event loop side by side, by the CPU time of a request (BENCH_ARGS)
#   make bench-docs           the same for the documentation: its charts and tables, made anew
#   make docs                 the documentation, in docs/_build/html

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

HOST ?= asyncio
HTTP_PORT ?= 8888
CHAT_PORT ?= 8889
PYTEST_ARGS ?=
BENCH_ARGS ?=

.DEFAULT_GOAL := test
.DELETE_ON_ERROR:
.PHONY: demo test check lint types imports fragments engine test-all coverage bench bench-docs docs system-tools clean

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "triloop needs Python 3.10 or later; set PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

# The tests watch the system calls of an idle process. Only Linux has strace, and only there they run.
system-tools:
	@if test "$$(uname)" = Linux && ! command -v strace >/dev/null; then \
	  sudo=$$(test "$$(id -u)" = 0 || echo sudo); \
	  command -v apt-get >/dev/null || { echo 'the tests need strace: install it with your package manager' >&2; exit 1; }; \
	  $$sudo apt-get update -qq && $$sudo apt-get install -y -qq strace; \
	fi

demo: $(STAMP)
	@$(BIN)/python examples/demo/room.py --host $(HOST) --http-port $(HTTP_PORT) --chat-port $(CHAT_PORT)

test: $(STAMP) system-tools
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: lint types imports fragments docs engine

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

fragments: $(STAMP)
	$(BIN)/towncrier build --draft --version next >/dev/null

# The engine is small and everything rests on it: no branch of it goes untested.
engine: $(STAMP)
	$(BIN)/coverage run --data-file=.coverage.engine -m pytest -q -n 0 tests/unit/test_embedding.py
	$(BIN)/coverage combine --quiet --data-file=.coverage.engine
	$(BIN)/coverage report --data-file=.coverage.engine --fail-under=100 \
	  --include='triloop/protocol.py,triloop/embedding.py'

# From scratch: a page that Sphinx finds unchanged would keep its warnings to itself.
docs: $(STAMP)
	$(BIN)/sphinx-build -q -E -W --keep-going -b html docs docs/_build/html

test-all: $(STAMP) system-tools
	$(BIN)/nox

coverage: $(STAMP) system-tools
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PYTEST_ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

bench: $(STAMP)
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

# It wants the machine for itself.
BENCH_DOCS := docs/_static/benchmarks
bench-docs: $(STAMP)
	mkdir -p $(BENCH_DOCS)
	$(BIN)/python -m benchmarks --rounds 3 --passes 2 $(BENCH_ARGS) \
	  --json $(BENCH_DOCS)/results.json --svg $(BENCH_DOCS) --markdown $(BENCH_DOCS)/results.md

clean:
	rm -rf $(VENV) .nox build dist docs/_build .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache
