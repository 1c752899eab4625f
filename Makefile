# The commands of the project; `make help` lists them. None of them needs a step before it.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# On two cores: tests also wait, for servers and for processes to end.
WORKERS ?= 4
BENCH_STAMP := $(VENV)/.installed-bench
AUDIT_STAMP := $(VENV)/.installed-audit

CHANGED = $$(git diff --name-only --diff-filter=d HEAD -- '*.py'; \
  git ls-files --others --exclude-standard -- '*.py')
# The longest files come first. A file's tests stay on one worker; tests/conftest.py has the rules.
# Bytecode is kept even where the environment forbids it: the tests start hundreds of processes.
# Each of them computes in one thread, apart from the frameworks' own, as the workers fill all cores.
PYTEST := PYTHONDONTWRITEBYTECODE= OPENBLAS_NUM_THREADS=1 \
  $(BIN)/python -m pytest -n $(WORKERS) --no-loadscope-reorder
.PHONY: help nightly serve quick test cover fuzz lint docs format bench audit install clean

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

nightly: $(STAMP)  ## retrain every declared dataset tonight
	@$(BIN)/nightfit nightly

serve: $(STAMP)  ## run Prefect's server and the worker with its schedule, until Ctrl-C
	@$(BIN)/nightfit serve

quick: $(STAMP)  ## lint what has changed since the last commit, and run the unit tests
	@changed="$(CHANGED)"; [ -z "$$changed" ] || { $(BIN)/ruff format --check $$changed && \
	  $(BIN)/ruff check $$changed && $(BIN)/mypy $$changed; }
	@$(BIN)/lint-imports
	@$(PYTEST) tests/unit

test: $(STAMP)  ## run every test
	@$(PYTEST)

# Coverage takes a quarter more time, and sees only what runs in the tests' own processes: not the
# framework workers, nor the command itself, which the tests in tests/e2e start.
cover: $(STAMP)  ## run the unit and integration tests, and print which lines they run
	@$(PYTEST) --cov --cov-report=term:skip-covered tests/unit tests/integration

fuzz: export PYTHONPATH := tests
fuzz: $(STAMP)  ## try 12,000 damaged inputs, and kill 100 nights (half an hour)
	@$(BIN)/python -m fuzz

lint: $(STAMP)  ## check format, style, types, dependencies between packages and generated documents
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python docs/generate.py --check

docs: $(STAMP)  ## write the generated tables of docs/ from the code
	@$(BIN)/python docs/generate.py

format: $(STAMP)  ## let ruff fix what it can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: export PYTHONPATH := tests
bench: $(BENCH_STAMP)  ## measure the documented figures, and add them to docs/benchmarks.csv
	@$(BIN)/python tests/benchmarks/digits.py
	@$(BIN)/python tests/benchmarks/linear.py
	@$(BIN)/python tests/benchmarks/segments.py
	@$(BIN)/python tests/benchmarks/segment_night.py
	@$(BIN)/python tests/benchmarks/gate.py
	@$(BIN)/python tests/benchmarks/segment_choice.py
	@$(BIN)/python tests/benchmarks/starts.py
	@$(BIN)/python tests/benchmarks/speed.py
	@$(BIN)/python tests/benchmarks/accuracy.py
	@$(BIN)/python tests/benchmarks/intervals.py
	@$(BIN)/python tests/benchmarks/times.py
	@$(BIN)/python tests/benchmarks/terms.py
	@$(BIN)/python tests/benchmarks/nights.py
	@$(BIN)/python tests/benchmarks/store.py
	@$(BIN)/python tests/benchmarks/segment_store.py
	@$(BIN)/python tests/benchmarks/reads.py
	@$(BIN)/python tests/benchmarks/sources.py
	@$(BIN)/python tests/benchmarks/size.py
	@$(BIN)/python tests/benchmarks/ann.py
	@$(BIN)/python tests/benchmarks/predict.py
	@$(BIN)/python tests/benchmarks/cluster.py
	@$(BIN)/python tests/benchmarks/cluster_parts.py
	@$(BIN)/python tests/benchmarks/cluster_rows.py
	@$(BIN)/python tests/benchmarks/cluster_datasets.py
	@$(BIN)/python tests/benchmarks/copying.py

audit: export PYTHONPATH := tests
audit: $(AUDIT_STAMP)  ## look for advisories about the pinned libraries (needs the network)
	@$(BIN)/python -m audit

install: $(STAMP)  ## build .venv from the pinned versions, as every other target does first

# The constraints are exported so that they also hold where a dependency is built from source.
$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "nightfit needs Python 3.11, and there is no '$(PYTHON)' here. Name one with PYTHON=/path/to/python3.11." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "nightfit needs Python 3.11, and '$(PYTHON)' is `$(PYTHON) --version`. Name another with PYTHON=/path/to/python3.11." >&2; exit 1; }
	@echo "Building $(VENV) from constraints.txt (a few minutes, once)."
	@$(PYTHON) -m venv --clear $(VENV)
	@PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

$(BENCH_STAMP): $(STAMP)
	@echo "Adding the libraries that the benchmarks compare nightfit with (once)."
	@PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

$(AUDIT_STAMP): $(STAMP)
	@echo "Adding pip-audit (once)."
	@PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[audit]'
	@touch $@

clean:  ## remove .venv, the caches and the folder .nightfit, but no store
	rm -rf $(VENV) .nightfit *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage*
