# RecSys Lab: `make lab` opens the course, `make test` proves it. Each does its own set-up; README has both without make.
PYTHON ?= python3
PORT ?=
LESSON ?=
PHASE ?=
UNTIL ?=
# Phases 1 and 2 need the extra `course`; later ones have an extra of their own.
EXTRAS := $(strip course $(addprefix phase,$(filter-out 0 1 2,$(PHASE))))
ifeq ($(OS),Windows_NT)
  PYTHON := python
  BIN := .venv/Scripts
  BESIDE :=
else
  BIN := .venv/bin
  BESIDE := airflow deploy
endif

.DEFAULT_GOAL := help
.PHONY: help lab test demo pipeline lint notebooks check-notebooks bench clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

lab:  ## Open the course in JupyterLab (PHASE=3 with that phase's packages; PORT=8890 for another port; Ctrl-C ends it)
	@$(PYTHON) .ci/install.py $(EXTRAS)
	@exec $(BIN)/recsys-lab lab $(if $(PORT),--port $(PORT))

test:  ## Check everything: style, types, tests, doctests, every cell of every notebook
	@$(PYTHON) .ci/install.py course test $(BESIDE)
	@$(BIN)/python .ci/test.py

demo:  ## Compare all models on MovieLens 100K
	@$(PYTHON) .ci/install.py course
	@$(BIN)/recsys-lab demo

pipeline:  ## Let Airflow retrain, judge and publish a model on MovieLens 100K (UNTIL=1998-03-25 for a past date)
	@$(PYTHON) .ci/install.py course airflow
	@$(BIN)/recsys-lab pipeline run --airflow $(if $(UNTIL),--until $(UNTIL))

lint:  ## Mend style and format, check types
	@$(PYTHON) .ci/install.py course test
	$(BIN)/ruff check --fix . && $(BIN)/ruff format . && $(BIN)/mypy

notebooks:  ## Build the learners' notebooks from curriculum/ (LESSON=2.2 for one)
	@$(PYTHON) .ci/install.py course
	$(BIN)/recsys-lab lesson build $(LESSON)

check-notebooks:  ## Fail if a notebook is not what its source makes
	@$(PYTHON) .ci/install.py course
	$(BIN)/recsys-lab lesson build --check $(LESSON)

bench:  ## Measure speed and accuracy against other libraries (long)
	@$(PYTHON) .ci/install.py course test
	$(BIN)/python -m benchmarks

clean:  ## Remove the set-up and all caches; my_work/ and datasets/ stay
	rm -rf .venv .venv-airflow .venv-deploy .recsys_lab/airflow .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
