# Each target makes .venv by itself and installs what it needs; only make and a
# Python of 3.11 or newer have to be there.

VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev

# The first interpreter that is new enough; `make PYTHON=/path/to/python3.12 ...` overrules it.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests start the program hundreds of times, which compiles itself once if it may keep the result.
unexport PYTHONDONTWRITEBYTECODE

# One worker per core; another number: make test WORKERS=4.
WORKERS ?= auto
PYTEST := -m pytest -n $(WORKERS) --dist worksteal

# The databases of the tests lie in memory where there is room: on a disk they wait for it.
ifndef TMPDIR
MEMORY := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 1048576 {print "/dev/shm"}')
ifneq ($(MEMORY),)
test test-all: export TMPDIR := $(MEMORY)
endif
endif

.PHONY: run demo test test-all test-long soak test-odoo odoo-screenshots check bench clean

# More flags for the server: make run ARGS="--port 8100".
run: $(RUN_STAMP)
	@$(BIN)/odoo-ai-config serve $(ARGS)

# The hub with a fake Chatwoot and a crew, to try it (docs/tutorial.md). Nothing is stored.
demo: $(RUN_STAMP)
	@$(BIN)/odoo-ai-config demo $(ARGS)

# What proves the rules. A part of it: make test ARGS=tests/unit. See docs/testing.md.
test: $(DEV_STAMP)
	$(BIN)/python $(PYTEST) $(or $(ARGS),--parity)

# That again with coverage, and everything that takes longer.
test-all: $(DEV_STAMP)
	$(BIN)/coverage erase
	$(BIN)/coverage run $(PYTEST) --parity -m "not long and not odoo" tests
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/coverage report --fail-under=100 \
		--include='src/odoo_ai_config/domain/*,src/odoo_ai_config/application/*'

# What takes minutes: 50 rounds of kill -9 under load, for instance.
test-long: $(DEV_STAMP)
	$(BIN)/python -m pytest -m long $(or $(ARGS),tests)

# Servers under kill -9, failing crews and events that come twice: make soak ARGS="--minutes 5".
soak: $(DEV_STAMP)
	$(BIN)/python -m tests.soak $(ARGS)

# The add-ons in a real Odoo, which is kept in .odoo-lab. Takes root; three minutes the first
# time. The exit status of the script, which make does not pass on, says what is missing.
test-odoo: $(DEV_STAMP)
	PYTHON=$(BIN)/python scripts/odoo_lab/test_addon.sh $(ARGS)

# The pictures of docs/odoo.md, of that same Odoo. Takes Chromium as well.
odoo-screenshots: $(DEV_STAMP)
	$(BIN)/python -m scripts.odoo_lab.screenshots

check: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/pylint --rcfile=odoo_addons/.pylintrc odoo_addons/odoo_ai_config \
		odoo_addons/odoo_ai_config_product

bench: $(DEV_STAMP)
	$(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) dist build htmlcov .coverage .coverage.* .hypothesis \
		.mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A venv without pip is what a missing python3-venv leaves behind; it must not look finished.
$(BIN)/pip:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "Could not make $(VENV); on Debian and Ubuntu: apt-get install python3-venv" >&2; \
		exit 1; }

$(RUN_STAMP): pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

# Whoever can test can run.
$(DEV_STAMP): pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $(RUN_STAMP) $@
