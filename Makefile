# `make run` and `make test` do all the set-up: an environment per Python version, made with venv
# and pip from version constraints, and a stamp so that a second call installs nothing.
PYTHON ?= python3
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
ENV := .venv-$(VERSION)
BIN := $(ENV)/bin
CONSTRAINTS := constraints/python$(VERSION).txt
CONSTRAIN := $(if $(wildcard $(CONSTRAINTS)),-c $(CONSTRAINTS))
STAMP := $(ENV)/.installed

.PHONY: run test bench figures notebooks docs constraints clean help

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

# Pictures as PNG only where a page shows them: PDF and SVG are sharper and smaller.
SHOWN := absolute_effect decision_curve icon_array_100 preference_curve waterfall
figures: $(STAMP)  ## the gallery in figures/, from the shipped problems
	$(BIN)/riskmodel run plex_aav --profile serum_creatinine=420,age=62 --horizons 6,12,36 --seed 7 --out runs/gallery --force
	$(BIN)/riskmodel figures runs/gallery
	$(BIN)/riskmodel run plex_gbs --seed 7 --out runs/gallery_gbs --force
	$(BIN)/riskmodel figures runs/gallery_gbs --only model_graph --only evidence_forest --only icon_array --only ranks --only contributions --only waterfall
	rm -rf figures && mkdir -p figures/plex_aav figures/plex_gbs
	cp runs/gallery/figures/*.* figures/plex_aav/ && cp runs/gallery_gbs/figures/*.* figures/plex_gbs/
	rm -f figures/*/trace_rank* figures/plex_gbs/*.png
	cd figures/plex_aav && for file in *.png; do \
	  case " $(SHOWN:%=%.png) " in *" $$file "*) ;; *) rm "$$file" ;; esac; done

notebooks: $(STAMP)  ## the .ipynb files, without outputs, from their py:percent text
	$(BIN)/jupytext --to ipynb notebooks/*.py

docs: $(STAMP)  ## the documentation site, into build/site; a warning is an error
	$(BIN)/pip install --quiet --disable-pip-version-check $(CONSTRAIN) -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

constraints: $(STAMP)  ## the versions now installed, as constraints for this Python
	mkdir -p constraints && $(BIN)/pip freeze --exclude-editable > $(CONSTRAINTS)

clean:  ## environments and runs
	rm -rf .venv-* runs
