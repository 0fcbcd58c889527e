# Everything runs in a .venv of this checkout; the first call makes it, later calls do not install again.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: drill test test-compose check fuzz bench proto schema clean

drill: $(READY)  ## run the default drill on embedded data
	$(BIN)/leakdrill run quickstart

test: $(READY)  ## run every test, a file at a time on every core
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

test-compose: $(READY)  ## build the image and test compose.yaml on the running Docker engine
	LEAKDRILL_TEST_COMPOSE=1 $(BIN)/python -m pytest tests/compose

check: $(READY)  ## format, lint, types, protos
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/buf lint

fuzz: $(READY)  ## fuzz the public methods with other cases in every run; FUZZ_CASES=500000 takes about half an hour
	FUZZ_CASES=$(or $(FUZZ_CASES),500000) $(BIN)/python -m pytest -s --timeout 0 tests/hostile/test_fuzz.py

bench: $(READY)  ## run every benchmark and write docs/performance.md
	$(BIN)/python -m benchmarks

proto: $(READY)  ## generate leakdrill/pb from proto/
	$(BIN)/python tools/generate_stubs.py

schema: $(READY)  ## write the JSON schema of scenarios, which editors read
	$(BIN)/leakdrill schema > schema/scenario.schema.json

clean:  ## remove the environment, not the runs
	rm -rf $(VENV)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "leakdrill needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@
