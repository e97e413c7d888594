# Six commands. Each one first sees to its own set-up, which costs nothing when nothing changed.
.PHONY: help demo test check faults bench docs
.DEFAULT_GOAL := help

PORT ?= 8400
APP_PORT ?= 8401
PYTEST_WORKERS ?= 2
FAULT_ROUNDS ?= 20

help:
	@echo 'make demo    an organisation, users, applications and the example app, running (PORT=8400 APP_PORT=8401)'
	@echo 'make test    every test (PYTEST_ARGS="-k refresh" to choose)'
	@echo 'make check   lint, formatting, types, layers, documentation'
	@echo 'make faults  every fault many times, each time another history (FAULT_ROUNDS=20)'
	@echo 'make bench   measurements against peers, into bench/RESULTS.md (BENCH_ARGS="--quick")'
	@echo 'make docs    the documentation, built into build/site'

# exec, so that Ctrl-C and SIGTERM reach the program itself.
demo:
	@scripts/setup.sh demo
	@exec .venv/bin/workgate demo --port $(PORT) --app-port $(APP_PORT)

test:
	@scripts/setup.sh test
	@.venv/bin/python -m pytest -n $(PYTEST_WORKERS) $(PYTEST_ARGS)
	@echo 'The statements once more, over PostgreSQL:'
	@.venv/bin/python -m pytest -n $(PYTEST_WORKERS) --engine postgres tests/spec $(PYTEST_ARGS)

check:
	@scripts/setup.sh check
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/python -m pytest -q tests/test_architecture.py
	.venv/bin/mkdocs build --strict --quiet

faults:
	@scripts/setup.sh faults
	@FAULT_ROUNDS=$(FAULT_ROUNDS) .venv/bin/python -m pytest -n $(PYTEST_WORKERS) -m faults tests/faults $(PYTEST_ARGS)

bench:
	@scripts/setup.sh bench
	@.venv/bin/python -m bench $(BENCH_ARGS)

docs:
	@scripts/setup.sh docs
	@.venv/bin/mkdocs build --strict
