# Two commands need nothing but git, make and Python 3.11 or newer: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Where nothing compiled may be kept, each of the hundreds of processes of the tests would compile the connector anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: install dev demo test thorough fuzz mutants crash large audiences soak cluster warehouses browser container integrations check guard bench bench-large docs site constraints format clean

# uv installs many times as fast as pip, which stands in where there is no uv for the machine.
INSTALL = $(BIN)/pip install -qq uv 2>/dev/null && $(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e $(1) \
	|| $(BIN)/pip install --quiet -c constraints.txt -e $(1)

# What a user needs.
install: $(STAMP)

# What the tests and checks need.
dev: $(DEV_STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 install")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(call INSTALL,.)
	touch $@

$(DEV_STAMP): $(STAMP)
	$(call INSTALL,'.[dev]')
	touch $@

demo: install
	$(BIN)/connector run store_purchases

# Three at once on two cores: many tests wait for a process or a server.
test: dev
	$(BIN)/pytest -n 3 --dist worksteal -q

# The rest of what CI runs: more of the same cases than fit into five minutes. Installs dbt and sqlmesh into .cache.
thorough: dev
	$(BIN)/pytest -n 3 --dist worksteal -q -m thorough

# Each border of the product for FUZZ_SECONDS, on inputs that FUZZ_SEED makes; what fails is added to the corpus.
fuzz: FUZZ_SECONDS ?= 60
fuzz: dev
	FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_SEED=$(FUZZ_SEED) $(BIN)/pytest -n 2 --dist worksteal -q tests/fuzz

# MUTANTS changes of the product, chosen by MUTANTS_SEED, and which of them no test notices.
mutants: dev
	MUTANTS=$(MUTANTS) MUTANTS_SEED=$(MUTANTS_SEED) $(BIN)/python -m tests.mutants

# Hundreds of processes killed at random moments, each followed by one that goes on. CRASH_KILLS=N is how many of each
# scenario, CRASH_SEED=N chooses other moments.
crash: dev
	$(BIN)/pytest -n 2 --dist worksteal -q -m slow tests/crash

# Two gigabytes of a delimited file in constant memory.
large: dev
	$(BIN)/pytest -q -s -m slow tests/files

# Databases whose servers no package of Python brings: `apt-get install mariadb-server-core mariadb-client-core` brings
# MariaDB. ClickHouse's engine, chDB, is installed into .cache: 180 MB. Stand-ins speak the protocols of those in the cloud.
# Databricks' driver needs pandas, which would make every test slower: 95 MB beside.
DATABRICKS = .cache/databricks
warehouses: dev
	$(BIN)/uv pip install --quiet --python $(BIN)/python --target $(DATABRICKS) --no-deps --compile-bytecode -c constraints.txt \
		databricks-sql-connector thrift pandas openpyxl et-xmlfile pybreaker
	PYTHONPATH=$(DATABRICKS) $(BIN)/pytest -n 2 --dist worksteal -q -m warehouses -k databricks tests/sources
	$(BIN)/pytest -n 2 --dist worksteal -q -m warehouses tests/sources tests/cli/test_warehouses.py

# The report and the console in a real Chromium: `apt-get install chromium` brings it.
browser: dev
	$(BIN)/pytest -q -m browser tests/browser

# Ten generations of an audience of 100,000 people, with faults and kills.
audiences: dev
	$(BIN)/pytest -q -s -m slow tests/audiences

# The image of the Containerfile, built and run: `apt-get install buildah mmdebstrap` brings the builder. PYTHON_IMAGE is
# the base; without it, Debian with its own Python is made one.
container: dev
	$(BIN)/pytest -q -m slow tests/packaging

# The operator in the real Airflow, which is installed into .cache/airflow: 500 MB.
integrations: dev
	$(BIN)/pytest -q -m slow tests/integrations

# Minutes of `connector start`, with failures and kills.
soak: dev
	$(BIN)/pytest -q -m slow tests/scheduler

# Runs that two nodes of Ray on this machine share, held to runs in one process.
cluster: dev
	$(BIN)/pytest -q -m 'slow or not slow' tests/cluster

check: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m benchmarks.guard

# Whether a run costs more than it did, in counts and ratios.
guard: dev
	$(BIN)/python -m benchmarks.guard

format: dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: dev
	$(BIN)/python -m benchmarks.run

# The same with 50 million rows and an audience of ten million people: an hour, and 20 GB of disk.
bench-large: dev
	$(BIN)/python -m benchmarks.run --sizes 100000,1000000,10000000,50000000 --audience 1000000,10000000

# Writes the generated pages of docs/reference.
docs: dev
	$(BIN)/python -m tests.docs.generated

# The documentation as a site in the folder site; fails for a broken link.
site: dev
	$(BIN)/zensical build --clean --strict

# The newest versions that pyproject.toml allows, by name and number only.
constraints:
	rm -rf .venv-constraints
	$(PYTHON) -m venv .venv-constraints
	.venv-constraints/bin/pip install --quiet -e '.[dev,all]'
	.venv-constraints/bin/pip list --format=freeze --exclude-editable --exclude pip --exclude setuptools > constraints.txt
	rm -rf .venv-constraints

clean:
	rm -rf $(VENV) .connector demo/*.duckdb site
