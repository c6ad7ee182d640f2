# Two commands need nothing but git, make and Python 3.11 or newer: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Where nothing compiled may be kept, each of the hundreds of processes of the tests would compile the connector anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: install demo test thorough fuzz mutants crash large audiences soak browser check guard bench bench-large docs constraints format clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 install")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

demo: install
	$(BIN)/connector run store_purchases

# Three at once on two cores: many tests wait for a process or a server.
test: install
	$(BIN)/pytest -n 3 --dist worksteal -q

# The rest of what CI runs: more of the same cases than fit into five minutes.
thorough: install
	$(BIN)/pytest -n 3 --dist worksteal -q -m thorough

# Each border of the product for FUZZ_SECONDS, on inputs that FUZZ_SEED makes; what fails is added to the corpus.
fuzz: FUZZ_SECONDS ?= 60
fuzz: install
	FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_SEED=$(FUZZ_SEED) $(BIN)/pytest -n 2 --dist worksteal -q tests/fuzz

# MUTANTS changes of the product, chosen by MUTANTS_SEED, and which of them no test notices.
mutants: install
	MUTANTS=$(MUTANTS) MUTANTS_SEED=$(MUTANTS_SEED) $(BIN)/python -m tests.mutants

# Hundreds of processes killed at random moments, each followed by one that goes on. CRASH_KILLS=N is how many of each
# scenario, CRASH_SEED=N chooses other moments.
crash: install
	$(BIN)/pytest -n 2 --dist worksteal -q -m slow tests/crash

# Two gigabytes of a delimited file in constant memory.
large: install
	$(BIN)/pytest -q -s -m slow tests/files

# The report in a real Chromium: `apt-get install chromium` brings it.
browser: install
	$(BIN)/pytest -q -m browser tests/browser

# Ten generations of an audience of 100,000 people, with faults and kills.
audiences: install
	$(BIN)/pytest -q -s -m slow tests/audiences

# Minutes of `connector start`, with failures and kills.
soak: install
	$(BIN)/pytest -q -m slow tests/scheduler

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m benchmarks.guard

# Whether a run costs more than it did, in counts and ratios.
guard: install
	$(BIN)/python -m benchmarks.guard

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install
	$(BIN)/python -m benchmarks.run

# The same with 50 million rows and an audience of ten million people: an hour, and 20 GB of disk.
bench-large: install
	$(BIN)/python -m benchmarks.run --sizes 100000,1000000,10000000,50000000 --audience 1000000,10000000

# Writes the generated pages of docs/reference.
docs: install
	$(BIN)/python -m tests.docs.generated

# The newest versions that pyproject.toml allows, by name and number only.
constraints:
	rm -rf .venv-constraints
	$(PYTHON) -m venv .venv-constraints
	.venv-constraints/bin/pip install --quiet -e '.[dev,all]'
	.venv-constraints/bin/pip list --format=freeze --exclude-editable --exclude pip --exclude setuptools > constraints.txt
	rm -rf .venv-constraints

clean:
	rm -rf $(VENV) .connector demo/*.duckdb
