# Set-up and everyday commands. Needs python3 (3.11 or newer), make and, the first time, a network.
PYTHON ?= python3
BUDGET ?= quick
ONLY ?=
LIVE ?=
PAGES := book/_build/html
SPHINX = $(VENV)/bin/python -m sphinx -q -E -c tools/sphinx
WORKERS ?= 2
QUIET ?= --quiet
TRAINING := tests/methods tests/train tests/models tests/evaluate tests/runs tests/results tests/pages tests/cli tests/bench \
	$(wildcard tests/test_*.py)
VENV := .venv
READY := $(VENV)/.ready
PYTHONS ?= 3.11 3.12 3.13
VERSION ?=
UV_VERSION := 0.13.9
SYNC := $(VENV)/bin/python -m uv pip sync --python $(VENV)/bin/python --require-hashes requirements.lock

.DEFAULT_GOAL := help
.PHONY: help setup book serve sphinx pdf test test-avx2 check format smoke wheel release lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile
	@echo "Variables: PYTHON=$(PYTHON) BUDGET=$(BUDGET) WORKERS=$(WORKERS); QUIET= shows the downloads;"
	@echo "  ONLY=calibration runs one notebook of the book; make release VERSION=0.2.0 tries PYTHONS=$(PYTHONS)."

setup: $(READY) ## create .venv as locked in requirements.lock (about 6 GB)
	@echo "$(VENV) is ready"

book: $(READY) ## run the notebooks and build the book; BUDGET=short for longer runs
	@$(VENV)/bin/adautomix book --budget "$(BUDGET)" $(if $(ONLY),--only $(ONLY)) $(if $(LIVE),--live)

serve: ## show the book at an address of this machine
	@test -e $(PAGES)/index.html || { echo "no pages yet: make book" >&2; exit 1; }
	@$(VENV)/bin/python -m http.server 0 --bind 127.0.0.1 --directory $(PAGES)

sphinx: ## render the chapters of the last build with Sphinx alone, as book/_build/sphinx
	@test -e book/_build/source || { echo "no chapters yet: make book" >&2; exit 1; }
	@$(SPHINX) -W -n --keep-going book/_build/source book/_build/sphinx

pdf: ## print the chapters of the last build as book/_build/adautomix.pdf (needs chromium)
	@test -e book/_build/source || { echo "no chapters yet: make book" >&2; exit 1; }
	@$(SPHINX) -b singlehtml book/_build/source book/_build/singlehtml
	@$(VENV)/bin/python tools/print_pages.py book/_build/singlehtml book/_build/adautomix.pdf

test: $(READY) ## run the tests that need no GPU and no network
	@OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n $(WORKERS)

test-avx2: $(READY) ## run the tests that train as a processor without AVX-512 would
	@OMP_NUM_THREADS=1 ONEDNN_MAX_CPU_ISA=AVX2 $(VENV)/bin/python -m pytest -n $(WORKERS) $(TRAINING)

check: $(READY) ## lint, formatting, spelling and types
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/codespell
	@$(VENV)/bin/mypy

format: $(READY) ## format the code and the notebooks
	@$(VENV)/bin/nbstripout --keep-id notebooks/*.ipynb
	@$(VENV)/bin/ruff check --fix --exit-zero .
	@$(VENV)/bin/ruff format .

smoke: $(READY) ## train AdAutoMix for a few steps, to see that everything works
	@$(VENV)/bin/adautomix train photodigits/thin/adautomix --budget smoke

wheel: $(READY) ## build dist/adautomix-*.whl
	@$(VENV)/bin/python -m hatchling build -t wheel -d dist

release: $(READY) ## write VERSION everywhere, build the packages, check them in empty environments
	@$(VENV)/bin/python tools/release.py release "$(VERSION)" --python $(PYTHONS)

lock: $(READY) ## write requirements.lock anew after a change of pyproject.toml
	@$(VENV)/bin/python -m uv pip compile --quiet --no-config --universal --python-version 3.11 \
		--all-extras --generate-hashes \
		--custom-compile-command "make lock" $(UPGRADE) pyproject.toml -o requirements.lock

clean: ## remove what was built; keeps .venv and runs
	@rm -rf dist build book/_build
	@rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis
	@find adautomix tests tools -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# The stamp is written last: an interrupted set-up leaves none and goes on where it stopped.
# What is installed or cached already is used first, so a later set-up needs no network.
$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "$(PYTHON) is missing or older than Python 3.11; name another: make setup PYTHON=python3.12" >&2; \
		exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) has no venv module; install it (Debian: apt-get install python3-venv)" >&2; \
		exit 1; }
	@rm -f $@
	@$(VENV)/bin/python -m uv --version >/dev/null 2>&1 || { \
		echo "Creating $(VENV)" && \
		$(PYTHON) -m venv --clear $(VENV) && \
		echo "Installing uv $(UV_VERSION)" && \
		$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); }
	@echo "Installing the locked packages (about 6 GB with CUDA; a minute or more)"
	@$(SYNC) --offline --quiet 2>/dev/null || $(SYNC) $(QUIET)
	@echo "Installing adautomix from this folder"
	@$(VENV)/bin/python -m uv pip install $(QUIET) --python $(VENV)/bin/python \
		--no-deps --no-build-isolation -e .
	@test ! -e .git || $(VENV)/bin/pre-commit install >/dev/null 2>&1 || true
	@touch $@
