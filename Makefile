# Every task of the project. Needs make and Python 3.10+; all else is fetched into $(VENV).

SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:
.SUFFIXES:

PYTHON ?= python3
VENV ?= .venv
NAME ?=
SERVE ?= 1
MARKS ?= not e2e and not slow
# A process for each folder of tests: TensorFlow keeps what hundreds of trainings leave behind.
PARTS := $(filter-out tests/__pycache__/ tests/e2e/ tests/fuzz/,$(wildcard tests/*/))
SECONDS ?= 60
CLANG ?= clang
FILES ?=

PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet
TOOLCHAIN := $(PY) frontend/toolchain.py
# As pip does for a package that is not editable, so that commands start at once.
COMPILE := $(PY) -m compileall -q analyzer tb_nan_plugin
PROJECT := setup.py pyproject.toml

section = @printf '\n== %s\n' '$(1)'

.PHONY: help
help: ## This list
	@printf 'make TASK [PYTHON=python3.12] [VENV=.venv]\n\n'
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' Makefile

# --- Set-up. A stamp is a file that says: done, and nothing it rests on has changed since.

.PHONY: setup
setup: $(VENV)/.ready-dev frontend ## Everything that developing needs, in a virtual environment

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo 'Python 3.10 or later is needed, and `$(PYTHON)` is not one.' >&2; \
	  echo 'If there is another: make PYTHON=/path/to/python3.12 ...' >&2; exit 1; }
	@if $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then $(PYTHON) -m venv $(VENV); \
	elif command -v virtualenv >/dev/null; then virtualenv --quiet --python $(PYTHON) $(VENV); \
	else \
	  echo '`$(PYTHON)` cannot make a virtual environment: its ensurepip is missing.' >&2; \
	  echo 'On Debian and Ubuntu: apt-get install python3-venv. Elsewhere: install virtualenv.' >&2; \
	  exit 1; fi
	@touch $@

# What a demo needs: the package and TensorFlow.
$(VENV)/.ready-demo: $(VENV)/.created $(PROJECT)
	@echo 'Installing the package and TensorFlow into $(VENV) (about 600 MB, the first time only).'
	@$(PIP) install --editable '.[tensorflow]'
	@$(COMPILE)
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.created $(PROJECT)
	@echo 'Installing the package, TensorFlow and the tools into $(VENV) (the first time only).'
	@$(PIP) install --editable '.[tensorflow,dev]'
	@$(COMPILE)
	@touch $(VENV)/.ready-demo $@

# Rebuilt when its sources have changed; the machine's Node if it has one, else one from PyPI.
.PHONY: frontend
frontend: $(VENV)/.ready-demo
	@needed="$$($(TOOLCHAIN) requirements)" && { test -z "$$needed" || $(PIP) install $$needed; }
	@$(TOOLCHAIN) build

# --- Use

.PHONY: demo
demo: $(VENV)/.ready-demo frontend ## Train a model that goes NaN and explain it: [NAME=...] [SERVE=0]
	@$(VENV)/bin/tb-nan demo $(NAME) $(if $(filter 0,$(SERVE)),--no-serve,--serve)

# --- Check. pytest with the browser comes last, so that its counts are the last to be read.

.PHONY: test
test: lint types imports test-python test-reference test-frontend test-e2e ## Everything that checks the project
	@printf '\n== make test: every section passed\n'

.PHONY: test-all
test-all: ## The same, with the slow tests
	@$(MAKE) --no-print-directory test MARKS='not e2e'

.PHONY: lint
lint: setup ## ruff: style and format
	$(call section,lint)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

.PHONY: types
types: setup ## mypy, strict
	$(call section,types)
	@$(PY) -m mypy

.PHONY: imports
imports: setup ## import-linter: who may import whom
	$(call section,imports)
	@$(VENV)/bin/lint-imports

.PHONY: test-python
test-python: setup ## pytest, without the browser; TESTS=path for a part of it
	$(call section,test-python ($(MARKS)))
	@set -e; for part in $(or $(TESTS),$(PARTS)); do $(PY) -m pytest -m '$(MARKS)' $$part; done

.PHONY: test-reference
test-reference: setup ## pytest of all that reads, with the reference reader; the readers' own tests take both
	$(call section,test-reference)
	@TB_NAN_READER=reference $(PY) -m pytest -m '$(MARKS)' --ignore=tests/analyzer/events --ignore=tests/analyzer/rules tests/analyzer

.PHONY: test-frontend
test-frontend: setup ## tsc, eslint and vitest
	$(call section,test-frontend)
	@$(TOOLCHAIN) run lint
	@$(TOOLCHAIN) run test

.PHONY: test-e2e
test-e2e: setup ## A real TensorBoard in a real browser
	$(call section,test-e2e)
	@browser="$$(sh tests/e2e/browser.sh)" && \
	  TB_NAN_CHROMIUM="$$browser" $(PY) -m pytest -m e2e tests/e2e

# --- Search. What is found lies in build/fuzz: inputs in corpus/, reports and their inputs in found/.

FUZZED := build/fuzz

.PHONY: fuzz
fuzz: $(VENV)/.ready-dev $(FUZZED)/target ## libFuzzer and sanitizers on the C core: [SECONDS=1800] [FILES=seeds]
	$(call section,fuzz ($(SECONDS) s))
	@mkdir -p $(FUZZED)/corpus $(FUZZED)/found
	@$(PY) -m tests.fuzz.seeds $(FUZZED)/seeds $(FILES)
	@$(FUZZED)/target -max_total_time=$(SECONDS) -rss_limit_mb=2048 -timeout=10 -max_len=12288 \
	  -dict=tests/fuzz/words.dict -artifact_prefix=$(FUZZED)/found/ -print_final_stats=1 \
	  $(FUZZED)/corpus $(FUZZED)/seeds tests/fuzz/corpus

$(FUZZED)/target: $(wildcard tests/fuzz/*.[ch] analyzer/events/native/*.h)
	@mkdir -p $(@D)
	@$(CLANG) -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined \
	  -fno-sanitize-recover=all -Ianalyzer/events/native tests/fuzz/target.c -o $@ || { \
	  echo 'The fuzzer needs clang with its libFuzzer (CLANG=clang-19 if it has another name).' >&2; \
	  echo 'On Debian and Ubuntu: apt-get install clang libclang-rt-dev.' >&2; exit 1; }

# --- Keep

.PHONY: format
format: setup ## Put the Python files in order
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

.PHONY: docs
docs: setup ## docs/causes, from the words of the rules
	@$(PY) -m analyzer.explain docs/causes

.PHONY: wheel
wheel: setup ## Source distribution and wheel, in dist/
	@$(PY) -m build

.PHONY: clean
clean: ## Remove what was built; the virtual environment stays
	@rm -rf build dist *.egg-info tb_nan_plugin/static frontend/node_modules
	@rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
