# `make` lists the verbs. Set-up happens by itself, once, before any verb that needs it.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:
.DELETE_ON_ERROR:

BIN := .venv/bin
STAMPS := .venv/.stamps
VENDOR := src/qunzhu/ui/static/vendor
CATALOGUES := $(shell find src -path '*/locale/*' -name '*.po' 2>/dev/null)
# Arguments for the tests: make test ARGS='-k ledger'
ARGS ?=

.PHONY: help setup messages demo up test test-fast lint format bench train doctor clean distclean

help: ## list the verbs
	@echo 'Qunzhu 群主: one command, and a community runs.'
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

demo: setup ## a community with a simulated month and a live group, in your browser (FRESH=1 starts over)
	@$(BIN)/qunzhu demo $(if $(FRESH),--fresh)

up: setup ## run everything on one port: http://127.0.0.1:8000
	@$(BIN)/qunzhu up

test: setup ## the whole suite, browser tests included
	@QUNZHU_CHROMIUM="$$($(BIN)/python scripts/browser.py)" $(BIN)/pytest $(ARGS)

test-fast: setup ## the suite without browser and fault tests
	@$(BIN)/pytest -m 'not browser and not faults' $(ARGS)

lint: $(STAMPS)/environment ## ruff, mypy, import-linter
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(STAMPS)/environment ## format the code and mend what can be mended
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format

bench: setup ## measure throughput and latency against the limits (ARGS=--quick: a short look)
	@$(BIN)/python bench/run.py $(ARGS)

train: setup ## fit the shipped learned scores anew (QUNZHU_REAL_DATA names the folder of labelled data)
	@$(BIN)/python -m qunzhu.risk.detect.train

doctor: setup ## say what is wrong with this installation
	@$(BIN)/qunzhu doctor

setup: $(STAMPS)/environment $(STAMPS)/vendor $(STAMPS)/messages ## install dependencies, browser libraries, translations

messages: $(STAMPS)/messages ## compile the translations

$(STAMPS)/environment: pyproject.toml uv.lock scripts/setup.py
	@python="$$(scripts/find-python)" && "$$python" scripts/setup.py environment
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/vendor: package.json package-lock.json scripts/setup.py | $(STAMPS)/environment
	@$(BIN)/python scripts/setup.py vendor
	@touch $@

$(STAMPS)/messages: $(CATALOGUES) src/qunzhu/ui/messages.py | $(STAMPS)/environment
	@$(BIN)/python -m qunzhu.ui.messages
	@touch $@

clean: ## remove what was built (keeps your data in var/)
	@rm -rf build dist node_modules $(VENDOR) $(STAMPS) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
	@find src -path '*/locale/*' -name '*.mo' -delete

distclean: clean ## also remove the environments (.venv, .uv)
	@rm -rf .venv .uv
