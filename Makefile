# Two commands do everything on a machine with Python 3.11 or later, git and make:
#   make run     serve this repository's own policies and evaluate this machine
#   make test    run the whole test suite
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: run test check lint bench plots screenshots lock clean

$(VENV)/.run: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what the controller needs (once) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	@echo "Installing what the tests need (once) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

run: $(VENV)/.run
	@$(BIN)/gitward serve --repo . --ref HEAD --local-agent --data .gitward

test: $(VENV)/.dev
	@$(BIN)/python -m pytest -n auto $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff format --check controller tests
	$(BIN)/ruff check controller tests
	$(BIN)/mypy
	$(BIN)/lint-imports
	# As of the commit, so that an exception that ends does not break an old checkout.
	$(BIN)/gitward validate . --as-of "$$(git log -1 --format=%cI)"

bench: $(VENV)/.dev
	@$(BIN)/python -m tests.benchmarks $(if $(ROW),--row $(ROW))

# How cost grows, drawn into docs/plots.
plots: $(VENV)/.dev
	@$(BIN)/python -m tests.benchmarks.plots

# Pictures of the dashboard for the documentation; needs Chromium.
screenshots: $(VENV)/.dev
	@$(BIN)/python -m tests.dashboard.screenshots docs/images

# Needs uv on the PATH. The lock files carry hashes and no index address.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
		--extra agent pyproject.toml build.in -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
		--extra agent --group dev --group bench pyproject.toml build.in -o requirements-dev.lock

clean:
	rm -rf $(VENV) .gitward
