# `make run` and `make test` do all the set-up: an environment per Python version, made with venv
# and pip from version constraints, and a stamp so that a second call installs nothing.
PYTHON ?= python3
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
ENV := .venv-$(VERSION)
BIN := $(ENV)/bin
CONSTRAINTS := constraints/python$(VERSION).txt
CONSTRAIN := $(if $(wildcard $(CONSTRAINTS)),-c $(CONSTRAINTS))
STAMP := $(ENV)/.installed

.PHONY: run test bench figures notebooks constraints clean help

help:  ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(STAMP): pyproject.toml $(wildcard $(CONSTRAINTS))
	$(PYTHON) -m venv $(ENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $(CONSTRAIN) -e '.[test]'
	touch $@

run: $(STAMP)  ## the main job on the shipped problem, into runs/plex_aav
	$(BIN)/riskmodel run plex_aav --profile serum_creatinine=420,age=62 --seed 7 --out runs/plex_aav --force

test: $(STAMP)  ## every test
	$(BIN)/python -m pytest -n 2 --dist loadfile $(TESTS)

bench: $(STAMP)  ## ratios of times, interleaved
	for part in benchmarks/bench*.py; do $(BIN)/python $$part; done

figures: $(STAMP)  ## the gallery in figures/, from the shipped problem
	$(BIN)/riskmodel run plex_aav --profile serum_creatinine=420,age=62 --seed 7 --out runs/gallery --force
	mkdir -p figures/plex_aav && cp runs/gallery/figures/* figures/plex_aav/

notebooks: $(STAMP)  ## the .ipynb files, without outputs, from their py:percent text
	$(BIN)/jupytext --to ipynb notebooks/*.py

constraints: $(STAMP)  ## the versions now installed, as constraints for this Python
	mkdir -p constraints && $(BIN)/pip freeze --exclude-editable > $(CONSTRAINTS)

clean:  ## environments and runs
	rm -rf .venv-* runs
