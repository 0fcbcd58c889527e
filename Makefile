# Everything runs in a .venv of this checkout; the first call makes it, later calls do not install again.
PYTHON ?= python3
# An index of other PyTorch builds, such as PyTorch's own of CPU-only ones: see docs/installing.md.
TORCH_INDEX ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TOOLS := $(VENV)/.ready-to-develop
PIP := $(BIN)/python -m pip
OTHER_TORCH := $(if $(TORCH_INDEX),--no-deps --index-url '$(TORCH_INDEX)' --constraint constraints.txt torch torchvision)

.PHONY: drill test test-compose check fuzz bench proto schema wheels clean

drill: $(READY)  ## run the default drill on embedded data
	$(BIN)/leakdrill run quickstart

test: $(TOOLS)  ## run every test, a file at a time on every core
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

test-compose: $(TOOLS)  ## build the image and test compose.yaml on the running Docker engine
	LEAKDRILL_TEST_COMPOSE=1 $(BIN)/python -m pytest tests/compose

check: $(TOOLS)  ## format, lint, types, protos
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/buf lint

fuzz: $(TOOLS)  ## fuzz the public methods with other cases in every run; FUZZ_CASES=500000 takes about half an hour
	FUZZ_CASES=$(or $(FUZZ_CASES),500000) $(BIN)/python -m pytest -s --timeout 0 tests/hostile/test_fuzz.py

bench: $(TOOLS)  ## run every benchmark and write docs/performance.md
	$(BIN)/python -m benchmarks

proto: $(TOOLS)  ## generate leakdrill/pb from proto/
	$(BIN)/python tools/generate_stubs.py

schema: $(READY)  ## write the JSON schema of scenarios, which editors read
	$(BIN)/leakdrill schema > schema/scenario.schema.json

wheels: $(BIN)/python  ## fill wheels/ with all that `leakdrill run`, and players, need, for machines like this one without a network
	$(if $(OTHER_TORCH),$(PIP) download --quiet --dest wheels $(OTHER_TORCH))
	$(PIP) wheel --quiet --constraint constraints.txt --find-links wheels --wheel-dir wheels . "tritonclient[grpc]"

clean:  ## remove the environment, not the runs
	rm -rf $(VENV)

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "leakdrill needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

$(READY): pyproject.toml constraints.txt | $(BIN)/python
	$(if $(OTHER_TORCH),$(PIP) install --quiet $(OTHER_TORCH))
	$(PIP) install --quiet --constraint constraints.txt --editable .
	touch $@

$(TOOLS): $(READY)
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@
