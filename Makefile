PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable
RUN     := $(VENV)/.installed-run
UI      := $(VENV)/.installed-ui
DEV     := $(VENV)/.installed-dev

# What Python has compiled it keeps, whatever the shell says: compiling anew at every start takes longer than starting.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test lint format bench reliability soak ui pictures docs clean

help:                   ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

demo: $(RUN)            ## a lake, a broker, two jobs, two downloads and their proof, on this machine
	$(BIN)/alertferry demo

test: $(DEV)            ## every test but the long fault runs
	@tools/debian-packages chromium stilts fitsverify
	@tools/test

lint: $(DEV)            ## style, types and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: $(DEV)          ## mend what can be mended by machine
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV)           ## measure publishing, consuming, latency and crossmatch; writes docs/performance.md (SCALE=0.05: in minutes)
	PYTHONPATH=$(CURDIR):$$PYTHONPATH $(BIN)/python benchmarks/bench.py --scale $(or $(SCALE),1)

reliability: $(DEV)     ## stop downloads again and again, ours and finkctl's; writes docs/reliability.md
	$(BIN)/python benchmarks/reliability.py

soak: $(DEV)            ## long fault-injection runs
	$(BIN)/python -m pytest -m soak --timeout 7200

ui: $(UI)               ## the dashboard; with a demonstration lake and a broker where none is configured
	@$(BIN)/alertferry ui $(if $(PORT),--port $(PORT))

pictures: $(DEV)        ## take the pictures of the dashboard in docs/images/ui
	@tools/debian-packages chromium
	$(BIN)/python docs/make_dashboard_pictures.py

docs: $(DEV)            ## the documentation as web pages, in site/
	$(BIN)/mkdocs build --strict

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

$(RUN): pyproject.toml constraints.txt | $(VENV)/bin/pip
	$(INSTALL) ".[spark]"
	touch $@

$(UI): pyproject.toml constraints.txt | $(VENV)/bin/pip
	$(INSTALL) ".[ui,fink]"
	touch $@ $(RUN)

$(DEV): pyproject.toml constraints.txt | $(VENV)/bin/pip
	$(INSTALL) ".[dev]"
	touch $@ $(RUN) $(UI)

clean:                  ## remove what make has made
	rm -rf $(VENV) build dist site alertferry-demo
