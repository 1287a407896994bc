# make demo   set up .venv and run the default configuration
# make test   set up .venv and run the tests that are not slow
# make test-all   set up .venv and run the slow tests
.PHONY: demo test test-all check setup lock schema clean
.DELETE_ON_ERROR:

BIN := .venv/bin
UV := 0.13.9

demo: setup
	$(BIN)/snakemake --cores 4 --resources gpu=4 all

PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test: setup
	$(PYTEST) -m "not slow"

test-all: setup
	$(PYTEST) -m slow

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check workflow
	$(BIN)/mypy
	$(BIN)/snakemake --lint

setup: .venv/ready

# Compiled to bytecode: every job of the workflow is a new process that imports torch, and starts faster so.
.venv/ready: requirements.lock pyproject.toml
	python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gansr needs Python 3.11 or newer")'
	python3 -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

# requirements.lock has pinned versions and hashes; it names no package index, so that any mirror can be used
lock: setup
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --upgrade --custom-compile-command "make lock" --output-file requirements.lock
	sed --in-place "s|^LOCK_SHA256=.*|LOCK_SHA256=$$(sha256sum requirements.lock | head -c 64)|" workflow/envs/gansr.post-deploy.sh

schema: setup
	$(BIN)/gansr schema > workflow/schemas/config.schema.json

clean:
	rm -rf .venv
