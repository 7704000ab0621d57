# Sagewind's tasks; CI calls these and nothing else. `make help` lists them.
# The environment is .venv, made by uv from the hash-locked requirements/dev.txt.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# The newest Python here that the locked versions suit; `make PYTHON=python3.11 ...` chooses another.
SUITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	if $$p -c '$(SUITS)' >/dev/null 2>&1; then echo $$p; break; fi; done)
TOOLS := .venv-uv
UV ?= $(shell command -v uv || echo $(TOOLS)/bin/uv)
BIN := .venv/bin
LOCKS := main dev fuzz mwaa uv sdk2 sdk3
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url
# How many processes run the tests.
WORKERS ?= 2
# A test that hangs fails after this long, and says where it hung; the longest takes a third of it.
HANG_SECONDS := 900
# Debian's names of what tests and benchmarks use beyond Python packages; the compiler builds AWS's own toolkits.
DEBIAN := postgresql redis-server chromium bubblewrap nginx-light gcc libc6-dev python3-dev
# It doubles the time of every import.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: .venv/ready ## run the Iris pipeline once on real Airflow, tell what happened
	@$(BIN)/sagewind demo $(ARGS)

.PHONY: up
up: .venv/ready ## start Airflow, sagelocal and the AWS emulator; Ctrl-C stops them
	@$(BIN)/sagewind up

.PHONY: down
down: .venv/ready ## stop what `make up` started elsewhere
	@$(BIN)/sagewind down

.PHONY: status
status: .venv/ready ## what of the stack runs
	@$(BIN)/sagewind status

.PHONY: test
test: .venv/ready ## all tests; `make test ARGS=tests/unit` for some
	@$(BIN)/pytest --numprocesses $(WORKERS) --no-loadscope-reorder --timeout $(HANG_SECONDS) $(ARGS)

.PHONY: chaos
chaos: .venv/ready ## kill each part of the stack at each moment of each kind of work
	@$(BIN)/pytest tests/chaos $(ARGS)

.PHONY: test-mwaa
test-mwaa: .venv-mwaa/ready ## the operators' tests on MWAA's Airflow 3.2.1 and its provider
	@AIRFLOW_HOME=$$(mktemp -d) .venv-mwaa/bin/python -m pytest -p no:cacheprovider tests/integration/operators tests/unit/jobs $(ARGS)

.PHONY: test-pythons
test-pythons: .venv/ready ## types, the tests that need no service, and the demo, on the oldest and the newest other Python here
	@for python in $$($(BIN)/python tools/pythons.py); do $(MAKE) test-python PYTHON=$$python; done

.PHONY: test-python
test-python: OTHER = .venv-$(shell $(PYTHON) -c 'import platform; print(platform.python_version())')
test-python: | $(UV) ## the same on one: `make test-python PYTHON=python3.12`
	$(UV) venv --quiet --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(OTHER)
	@$(UV) pip sync --quiet --python $(OTHER)/bin/python --require-hashes --compile-bytecode requirements/dev.txt
	@$(UV) pip install --quiet --python $(OTHER)/bin/python --no-deps --no-build-isolation --editable .
	@$(OTHER)/bin/mypy
	@$(OTHER)/bin/python -m pytest -p no:cacheprovider --numprocesses $(WORKERS) tests/unit tests/contract $(ARGS)
	@$(OTHER)/bin/sagewind demo

.PHONY: bench
bench: .venv/ready ## ours beside every peer, to benchmarks/RESULTS.md; hours
	@$(BIN)/python -m benchmarks all $(ARGS)

.PHONY: bench-quick
bench-quick: .venv/ready ## ours beside the container's stack, an echo, pandas and moto; some minutes
	@$(BIN)/python -m benchmarks quick $(ARGS)

.PHONY: frameworks
frameworks: .venv/ready ## train and serve with PyTorch, TensorFlow and Spark; downloads some 4 GB, needs 9 GB of disk
	@$(BIN)/pytest -s tests/frameworks $(ARGS)

.PHONY: seasons
seasons: .venv/ready ## three months of a model's life on a real scheduler, with drift put into the data
	@$(BIN)/pytest -s tests/seasons $(ARGS)

.PHONY: soak
soak: .venv/ready ## 200 clients, 20 endpoints and 200 jobs at once, for five minutes
	@$(BIN)/pytest -s tests/soak $(ARGS)

.PHONY: fuzz
fuzz: .venv-fuzz/ready ## feed sagelocal what nobody would send; SECONDS for each target, 60 by default
	@for target in wire archives rows; do .venv-fuzz/bin/python -m tests.fuzz.run $$target $(or $(SECONDS),60); done

.PHONY: check
check: .venv/ready ## formatting, lint, types, layers, the compose file, the CloudFormation template
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yaml
	$(BIN)/cfn-lint infra/sagewind.yaml

.PHONY: lock
lock: | $(UV) ## resolve the requirements anew, with hashes
	for name in $(LOCKS); do $(LOCK) requirements/$$name.in -o requirements/$$name.txt; done
	$(LOCK) src/sagelocal/requirements/emulator.in -o src/sagelocal/requirements/emulator.txt
	for file in requirements/images/*.in; do \
		$(LOCK) --no-annotate $$file -o src/sagelocal/container/locks/$$(basename $$file .in).txt; done

.PHONY: images
images: .venv/ready ## refresh the table of Amazon's images from the SageMaker SDK's
	$(BIN)/python tools/image_registries.py

.PHONY: toolkit
toolkit: .venv/ready ## ask the real training toolkit anew what its tests compare with
	$(BIN)/python tools/training_toolkit.py

.PHONY: debian
debian: ## install, by apt, what tests and benchmarks use beyond Python packages (as root)
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(DEBIAN)

.PHONY: clean
clean: ## remove environments, the stack's and sagelocal's state, what was built, caches; not those in ~/.cache
	rm -rf .venv .venv-fuzz .venv-mwaa .venv-sdk2 .venv-3.* $(TOOLS) .sagewind .sagelocal build dist plugins.zip .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .fuzz

# Done again when the lock or the project's metadata changed.
.venv/ready: requirements/dev.txt pyproject.toml | $(UV)
	@test -n "$(PYTHON)" || { echo "no Python 3.11 to 3.14 found; name one: make PYTHON=/path/to/python" >&2; exit 1; }
	@test -x $(BIN)/python || $(UV) venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

# The same for MWAA's versions, in an environment of its own.
.venv-mwaa/ready: requirements/mwaa.txt pyproject.toml | $(UV)
	@test -x .venv-mwaa/bin/python || $(UV) venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv-mwaa
	$(UV) pip sync --quiet --python .venv-mwaa/bin/python --require-hashes --compile-bytecode requirements/mwaa.txt
	$(UV) pip install --quiet --python .venv-mwaa/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

.venv-fuzz/ready: requirements/fuzz.txt pyproject.toml | $(UV)
	@test -x .venv-fuzz/bin/python || $(UV) venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv-fuzz
	$(UV) pip sync --quiet --python .venv-fuzz/bin/python --require-hashes requirements/fuzz.txt
	$(UV) pip install --quiet --python .venv-fuzz/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

# uv itself, where the machine has none.
$(TOOLS)/bin/uv: requirements/uv.txt
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@
