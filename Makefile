# Two commands do everything, set-up included: `make run` and `make test`.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
CONFIG ?= configs/phrasebook.yaml
# Test processes side by side. The tests of a file stay together, as they share what it sets up.
JOBS   ?= 2
PYTEST := $(BIN)/python -m pytest -q

# Two cores are the smallest machine that this is made for; two thread pools of two would fight.
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "anuvad needs Python 3.11 or newer; make PYTHON=... names one"; exit 1; }
	@echo "installing into $(VENV): some minutes and 2.1 GB the first time"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

.PHONY: install
install: $(READY) ## create .venv and install everything

.PHONY: run
run: $(READY) ## corpus to champion: anuvad retrain configs/phrasebook.yaml
	@$(BIN)/anuvad retrain $(CONFIG)

.PHONY: test
test: $(READY) ## all tests but the slow ones and those of several nodes, in minutes
	@$(PYTEST) -n $(JOBS) --dist loadfile -m "not slow and not cluster"

# In order of their names, as the files of a single long test would come last, one after the other.
.PHONY: test-slow
test-slow: $(READY) ## the tests that it leaves out: faults, several nodes and hosts, half an hour
	@$(PYTEST) -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "slow or cluster"

.PHONY: test-all
test-all: test test-slow ## all tests

.PHONY: bench
bench: $(READY) ## speed and memory beside their goals, half an hour; a quiet machine is best
	@$(BIN)/python tests/bench/bench_pipeline.py; pipeline=$$?; \
		$(BIN)/python tests/bench/bench_decoding.py; decoding=$$?; \
		$(BIN)/python tests/bench/bench_training.py && exit $$((pipeline + decoding))

.PHONY: bench-peers
bench-peers: $(READY) ## beside JoeyNMT and Eole, which it installs into .bench; an hour
	@$(BIN)/python tests/bench/bench_peers.py; training=$$?; \
		$(BIN)/python tests/bench/bench_peers_decoding.py && exit $$training

.PHONY: lint
lint: $(READY) ## format, lint and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

.PHONY: check
check: lint ## the same and the fast tests, warnings as errors
	@$(PYTEST) -n $(JOBS) --dist loadfile -m "not integration and not slow and not cluster and not realdata"

.PHONY: format
format: $(READY) ## mend format and lint
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

TARGET ?= cpu

.PHONY: image
image: ## docker/Dockerfile, TARGET=cpu, cuda or mlflow, on the base that PYTHON_DIGEST names
	@test -n "$(PYTHON_DIGEST)" || { echo "make image needs PYTHON_DIGEST=sha256:…, which this prints:"; \
		echo "docker buildx imagetools inspect python:3.11-slim-bookworm --format '{{.Manifest.Digest}}'"; exit 1; }
	@docker build -f docker/Dockerfile --target $(TARGET) -t anuvad:$(TARGET) \
		--build-arg PYTHON_DIGEST=$(PYTHON_DIGEST) .

.PHONY: secrets
secrets: ## docker/.env with fresh passwords for docker/compose.yaml, for your eyes only
	@test ! -e docker/.env || { echo "docker/.env stands already; whoever deletes it loses the database's password"; exit 1; }
	@random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }; umask 077; set -C; \
		printf '%s\n' COMPOSE_PROJECT_NAME=anuvad "POSTGRES_PASSWORD=$$(random)" \
		"RAY_AUTH_TOKEN=$$(random)" > docker/.env
	@echo "wrote docker/.env"

.PHONY: clean
clean: ## remove .venv, .bench and caches; data and models stay
	@rm -rf $(VENV) .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
