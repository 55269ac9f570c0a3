# The commands of this project. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test check conformance bench bench-memory bench-routes bench-services chaos differential image lock setup contracts storm clean
ARGS ?=

help: ## lists the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  ARGS=… is passed on, e.g. make test ARGS='-k rabbitmq -x'"

demo: ## sets up what it needs and runs the demo, to the end, in front of your eyes
	@bin/setup demo
	@.venv/bin/python -m demo $(ARGS)

test: check ## sets up what it needs, checks the code and runs all tests
ifeq ($(strip $(ARGS)),)
	@echo "==> Running the chaos suite in its short form: it mostly waits, so three files at a time"
	@.venv/bin/python -m pytest tests/chaos -n 3 --dist loadfile
	@echo "==> Running all other tests, three files at a time too"
	@.venv/bin/python -m pytest --ignore tests/chaos -n 3 --dist loadfile --no-loadscope-reorder
else
	@echo "==> Running the tests"
	@.venv/bin/python -m pytest $(ARGS)
endif

check: setup ## format, lint, types and import directions
	@echo "==> Checking the format (ruff format)"
	@.venv/bin/ruff format --check --quiet .
	@echo "==> Linting (ruff)"
	@.venv/bin/ruff check --quiet .
	@echo "==> Checking types (mypy --strict)"
	@.venv/bin/mypy
	@echo "==> Checking import directions (import-linter)"
	@.venv/bin/lint-imports --no-logo

conformance: setup ## runs the conformance suites, keeps their results and makes the tables in docs/connectors.md
	@.venv/bin/python -m pytest connectors/*/tests/test_conformance*.py --write-conformance $(ARGS)
	@.venv/bin/python -m hub.testing.conformance docs/connectors.md connectors

bench: setup ## runs the benchmarks and writes benchmarks/results/*.json
	@.venv/bin/python -m benchmarks $(ARGS)

chaos: setup ## runs the chaos suite in its long form (hours) and writes tests/chaos/results/*.json
	@HUB_CHAOS=long .venv/bin/python -m pytest tests/chaos $(ARGS)
	@.venv/bin/python -m tests.chaos.report --write

storm: setup ## has an API throttle, and go away, for five minutes each, and writes benchmarks/results/storm.json
	@HUB_STORM=long .venv/bin/python -m pytest tests/integration/test_services_storm.py $(ARGS)

bench-memory: setup ## runs ten million events through a worker and watches its memory
	@BENCH_MEMORY_EVENTS=10000000 .venv/bin/python -m benchmarks memory figures

bench-routes: setup ## runs the benchmarks of the route language and writes benchmarks/results/routes.json
	@.venv/bin/python -m benchmarks routes

bench-services: setup ## runs requests through a service's policies and writes benchmarks/results/services.json
	@.venv/bin/python -m benchmarks services

differential: setup ## compares 100,000 random expressions with CEL's reference (ARGS="CASES SEED" for others)
	@.venv/bin/python -m tests.differential $(ARGS)

image: setup ## builds the container image (bin/build-image says how, with and without Docker)
	@bin/build-image $(ARGS)

setup: ## only sets up: .venv, RabbitMQ, Redis, npm, Kafka's jars, Apicurio Registry and GitHub's payloads
	@bin/setup test

lock: ## writes the locks of the Python packages anew (ARGS=--upgrade for newer versions)
	@bin/lock $(ARGS)

contracts: setup ## derives schemas/github anew from what GitHub publishes (ARGS=--check only compares)
	@.venv/bin/python -m connectors.github.contracts $(ARGS)

clean: ## removes what set-up and tests have made; not .hub, which holds data
	rm -rf .venv .demo .setup.lock .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -prune -exec rm -rf {} +
