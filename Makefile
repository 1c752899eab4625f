# The commands of the project. `make nightly` and `make test` need nothing done first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Tests of the command that share no night with the rest of them: with the others, either half of
# the tests takes as long.
ALONE := $(addprefix tests/e2e/test_,article.py broken_framework.py declared_fits.py hostile.py \
  resilience.py)
BENCH_STAMP := $(VENV)/.installed-bench

.PHONY: install nightly serve test lint docs format bench clean

nightly: $(STAMP)  ## retrain every declared dataset tonight
	@$(BIN)/nightfit nightly

serve: $(STAMP)  ## Prefect server, deployments and worker, until Ctrl-C
	@$(BIN)/nightfit serve

test: $(STAMP)  ## every test: most of the command beside the others, which are told last
	@others=$$(mktemp); \
	$(BIN)/python -m pytest tests/unit tests/integration $(ALONE) >$$others 2>&1 & running=$$!; \
	trap 'kill $$running 2>/dev/null' INT TERM; \
	$(BIN)/python -m pytest tests/e2e $(ALONE:%=--ignore=%); failed=$$?; \
	wait $$running || failed=$$?; \
	cat $$others; rm -f $$others; exit $$failed

lint: $(STAMP)  ## format, lint, types and the arrows between packages
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python docs/generate.py --check

docs: $(STAMP)  ## write the tables of docs/ from the code
	@$(BIN)/python docs/generate.py

format: $(STAMP)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: export PYTHONPATH := tests
bench: $(BENCH_STAMP)  ## what the README claims in figures, measured
	@$(BIN)/python tests/benchmarks/digits.py
	@$(BIN)/python tests/benchmarks/gate.py
	@$(BIN)/python tests/benchmarks/starts.py
	@$(BIN)/python tests/benchmarks/speed.py
	@$(BIN)/python tests/benchmarks/accuracy.py
	@$(BIN)/python tests/benchmarks/nights.py
	@$(BIN)/python tests/benchmarks/store.py
	@$(BIN)/python tests/benchmarks/reads.py

install: $(STAMP)  ## build .venv from the pinned constraints

# The constraints are exported so that they also hold where a dependency is built from source.
$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "nightfit needs Python 3.11, and there is no '$(PYTHON)' here: name one with PYTHON=/path/to/python3.11." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "nightfit needs Python 3.11, and '$(PYTHON)' is `$(PYTHON) --version`: name another with PYTHON=/path/to/python3.11." >&2; exit 1; }
	@echo "Building $(VENV) from constraints.txt (a few minutes, once)."
	@$(PYTHON) -m venv --clear $(VENV)
	@PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

$(BENCH_STAMP): $(STAMP)
	@echo "Adding to $(VENV) what the benchmarks compare nightfit with (once)."
	@PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

clean:  ## remove what the commands above made, the store included after a word of warning
	rm -rf $(VENV) .nightfit *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
