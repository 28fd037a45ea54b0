# Everything runs in .venv, which the targets make: a machine needs make and Python 3.10 or later.
# Another Python gets a folder of its own: make test PYTHON=.pythons/bin/python3.15
#
#   make demo                 a chat room on Tornado, Twisted and asyncio at once (HOST=uvloop, HOST=epoll)
#   make test                 the tests, the upstream suites of all three worlds among them
#   make test-quick           the tests of the units and of the contract, without sweeps, in a minute
#   make test-await           awaits, longer: the whole table, random trees, trial's own tests, every host
#   make check                linters, types, import direction, changelog, documentation, engine coverage
#   make test-all             the tests on every Python found, on the oldest and the newest dependencies
#   make canary               the quick tests with the pre-releases of everything underneath
#   make test-gui             real dialogs of Qt and GTK, desktop programs; installs what they need, on a Debian
#   make test-hosts           what can own the thread: Qt, GTK, Tk, Trio, Textual; installs them, on a Debian
#   make hosts-docs           the same for the documentation: its table of hosts, made anew
#   make test-browser         the demo in a real browser; installs Chromium, on a Debian
#   make demo-screenshots     the same for the documentation: its pictures, made anew
#   make test-apps            well-known applications, from the wheel; installs them, on a Debian
#   make apps-docs            the same for the documentation: its table of applications, made anew
#   make test-scrapy          Scrapy's own suite on our reactor and on Twisted's, side by side
#   make test-dns             names asked of nsd, unbound and dnsmasq, beside getaddrinfo; installs them, on a Debian
#   make test-upstream        the upstream suites alone, on every kind of loop and reactor
#   make pythons              CPython 3.14 and 3.15 in .pythons, on a Debian that has neither
#   make fuzz                 connections, datagrams, children: ours and native, at random, for SECONDS=600
#   make faults               system calls that fail, each in turn, on our loops and the native ones
#   make simulate             the engine alone, through a million orders of events (SCHEDULES)
#   make coverage             the tests, with a report of the lines and branches they missed
#   make bench                every event loop side by side, by the CPU time of a request (BENCH_ARGS)
#   make bench-docs           all of the documentation's figures: everything below but bench-dns, in half an hour
#   make bench-loops          every event loop, for the documentation: its charts and tables, and the README's figures
#   make bench-apps           applications beside their default loops, for the documentation
#   make bench-workers        two processes on one port beside one, for the documentation
#   make bench-fairness       how long I/O waits for callbacks that are always ready, ours and native
#   make bench-profile        what a request is made of, in each cell that missed its target (PROFILE_ARGS: any others)
#   make bench-pages          the tables of the loops and applications anew, from what was measured last
#   make bench-dns            lookups by every resolver, side by side; installs nsd, on a Debian
#   make docs                 the documentation, in docs/_build/html

PYTHON ?= python3
EXTRAS ?= dev
VENV := .venv$(if $(filter-out python3,$(PYTHON)),-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
BENCH_STAMP := $(VENV)/installed-bench

HOST ?= asyncio
HTTP_PORT ?= 8888
CHAT_PORT ?= 8889
PYTEST_ARGS ?=
NOX_ARGS ?=
NEWER := 3.14 3.15
# How many tests run at once, two cores assumed: many wait for a clock or a child process.
WORKERS ?= 2
test-quick: WORKERS := 4
BENCH_ARGS ?=
SECONDS ?= 600
SCHEDULES ?= 1000000

.DEFAULT_GOAL := test
.DELETE_ON_ERROR:
.PHONY: demo demo-screenshots test test-browser test-apps apps-docs test-scrapy test-await test-quick test-dns test-gui test-hosts hosts-docs test-upstream pythons canary check lint types imports fragments engine test-all fuzz faults simulate coverage bench bench-docs bench-loops bench-apps bench-workers bench-fairness bench-profile bench-pages bench-dns docs clean

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "triloop needs Python 3.10 or later; set PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	touch $@

# What the benchmarks compare with.
$(BENCH_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	touch $@

demo: $(STAMP)
	@$(BIN)/python examples/demo/room.py --host $(HOST) --http-port $(HTTP_PORT) --chat-port $(CHAT_PORT)

test: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)

test-quick: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) -m "not sweep" $(PYTEST_ARGS) tests/unit tests/property tests/contract

test-upstream: $(STAMP)
	TRILOOP_UPSTREAM=all $(BIN)/python -m pytest $(PYTEST_ARGS) tests/upstream

test-gui: $(STAMP)
	.ci/gui $(BIN)/python
	xvfb-run --auto-servernum $(BIN)/python -m pytest -n 0 $(PYTEST_ARGS) tests/gui

test-hosts: $(STAMP)
	.ci/gui $(BIN)/python hosts
	xvfb-run --auto-servernum $(BIN)/python -m pytest -n 0 $(PYTEST_ARGS) tests/hosts

hosts-docs: $(STAMP)
	.ci/gui $(BIN)/python hosts
	TRILOOP_HOSTS_TABLE=docs/_static/hosts.md xvfb-run --auto-servernum $(BIN)/python -m pytest -n 0 tests/hosts

test-browser: $(STAMP)
	.ci/browser $(BIN)/python
	$(BIN)/python -m pytest -n 0 $(PYTEST_ARGS) tests/browser

demo-screenshots: $(STAMP)
	.ci/browser $(BIN)/python
	TRILOOP_SCREENSHOTS=docs/_static/demo $(BIN)/python -m pytest -n 0 tests/browser

# From the wheel, as users have it. Beside the applications: what Twisted, pytest and Jupyter start by
# a name that the wheel has to bring, and all programs that the documentation shows.
FROM_WHEEL := tests/apps tests/migration tests/test_docs.py tests/interop/test_command_line.py \
  tests/interop/test_jupyter.py tests/interop/test_pytest_plugin.py \
  tests/interop/test_reactors_by_name.py tests/interop/test_run_like_python.py \
  tests/interop/test_testing_recipes.py

test-apps:
	.ci/apps
	.ci/from-wheel $(PYTHON) test,apps $(PYTEST_ARGS) $(FROM_WHEEL)

apps-docs:
	.ci/apps
	TRILOOP_APPS_TABLE=$(CURDIR)/docs/_static/applications.md \
	  .ci/from-wheel $(PYTHON) test,apps $(PYTEST_ARGS) tests/apps

# All modules, for an hour; some of them by PYTEST_ARGS="-k engine". Its tests are in its source
# distribution only. pytest-twisted is for Scrapy's pytest, not for ours.
SCRAPY := $(CURDIR)/.scrapy
test-scrapy:
	.ci/scrapy $(PYTHON) $(SCRAPY)
	TRILOOP_SCRAPY=$(SCRAPY) .ci/from-wheel $(PYTHON) scrapy -p no:twisted $(PYTEST_ARGS) \
	  tests/upstream/test_scrapy_suite.py

test-dns: $(STAMP)
	.ci/dns $(BIN)/python -m pytest -n 0 $(PYTEST_ARGS) tests/dns

# From Debian unstable's packages, in a folder of their own: see the script.
pythons:
	@.ci/pythons .pythons

test-await: $(STAMP)
	TRILOOP_AWAIT_TABLE=all $(BIN)/python -m pytest tests/interop/awaits
	TRILOOP_AWAIT_EXAMPLES=5000 TRILOOP_AWAIT_TRIAL=1 $(BIN)/python -m pytest --timeout 700 \
	  tests/property/test_await_trees.py tests/upstream/test_await_anything.py
	TRILOOP_AWAIT_HOST=uvloop $(BIN)/python -m pytest tests/unit/awaitables
	TRILOOP_AWAIT_HOST=epoll $(BIN)/python -m pytest tests/unit/awaitables

check: lint types imports fragments docs engine

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(STAMP)
	$(BIN)/mypy
	$(BIN)/basedpyright

imports: $(STAMP)
	$(BIN)/lint-imports

fragments: $(STAMP)
	$(BIN)/towncrier build --draft --version next >/dev/null

# The engine is small and everything rests on it: no branch of it goes untested.
engine: $(STAMP)
	$(BIN)/coverage run --data-file=.coverage.engine -m pytest -q -n 0 tests/unit/test_embedding*.py tests/unit/test_turn_budget.py
	$(BIN)/coverage combine --quiet --data-file=.coverage.engine
	$(BIN)/coverage report --data-file=.coverage.engine --fail-under=100 \
	  --include='triloop/protocol.py,triloop/embedding.py'

# From scratch: a page that Sphinx finds unchanged would keep its warnings to itself.
docs: $(STAMP)
	$(BIN)/sphinx-build -q -E -W --keep-going -b html docs docs/_build/html

# Newer Pythons are made where the machine has none. The table at the end names what was not tested.
test-all: $(STAMP)
	-@for version in $(NEWER); do \
	  command -v python$$version || command -v .pythons/bin/python$$version || \
	  .ci/pythons .pythons $$version; \
	done
	$(BIN)/nox $(NOX_ARGS)

canary: $(STAMP)
	$(BIN)/nox --session canary

# It ends with the seeds of the programs that differed, each a failure.
faults: $(STAMP)
	$(BIN)/python -m tests.property.faults.sweep

fuzz: $(STAMP)
	$(BIN)/python -m tests.property.stream_fuzzer --seconds $(SECONDS)

# It ends at the first that fails, and tells how to play that one again.
simulate: $(STAMP)
	$(BIN)/python -m tests.property.engine_simulation --schedules $(SCHEDULES)

coverage: $(STAMP)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PYTEST_ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

bench: $(BENCH_STAMP)
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

# They want the machine for themselves, one after the other. The profiles are of what was missed just now.
bench-docs:
	$(MAKE) --keep-going --jobs=1 bench-loops bench-apps bench-workers bench-fairness bench-profile

BENCH_DOCS := docs/_static/benchmarks
LOOPS := --readme README.md --awaits $(BENCH_DOCS)/awaits.md --svg $(BENCH_DOCS) --markdown $(BENCH_DOCS)/results.md
APPS := --suite applications --markdown $(BENCH_DOCS)/applications.md
TWO_CORES := --suite workers --markdown $(BENCH_DOCS)/workers.md

bench-loops: $(BENCH_STAMP)
	$(BIN)/python -m benchmarks $(LOOPS) --json $(BENCH_DOCS)/results.json --rounds 3 --passes 2 --seconds 0.15 $(BENCH_ARGS)

bench-apps: $(BENCH_STAMP)
	$(BIN)/python -m benchmarks $(APPS) --json $(BENCH_DOCS)/applications.json --rounds 3 --passes 2 $(BENCH_ARGS)

bench-workers: $(BENCH_STAMP)
	$(BIN)/python -m benchmarks $(TWO_CORES) --json $(BENCH_DOCS)/workers.json --rounds 3 --passes 2 $(BENCH_ARGS)

bench-fairness: $(BENCH_STAMP)
	$(BIN)/python -m benchmarks.fairness --markdown $(BENCH_DOCS)/fairness.md

PROFILE_ARGS ?= --missed $(BENCH_DOCS)/results.json $(BENCH_DOCS)/applications.json --markdown $(BENCH_DOCS)/profiles.md
bench-profile: $(BENCH_STAMP)
	.ci/strace $(BIN)/python -m benchmarks.profile $(PROFILE_ARGS)

# After benchmarks/reasons.py has changed, say.
bench-pages: $(STAMP)
	$(BIN)/python -m benchmarks $(LOOPS) --read $(BENCH_DOCS)/results.json >/dev/null
	$(BIN)/python -m benchmarks $(APPS) --read $(BENCH_DOCS)/applications.json >/dev/null
	$(BIN)/python -m benchmarks $(TWO_CORES) --read $(BENCH_DOCS)/workers.json >/dev/null

bench-dns: $(BENCH_STAMP)
	.ci/dns $(BIN)/python -m benchmarks.resolvers --markdown $(BENCH_DOCS)/resolvers.md

clean:
	rm -rf .venv .venv-* .pythons .scrapy .nox build dist docs/_build .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache
