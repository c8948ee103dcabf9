# Every target does its own set-up in .venv; a fresh machine needs python3 >= 3.11, make and git only.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint types test-s3 bench clean

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=26.1"
	$(BIN)/python -m pip install --quiet --editable ".[all]" --group dev
	touch $@

demo: .venv/ready
	rm -rf demo
	$(BIN)/dioptra-plugins demo --dir demo $(if $(INDEX),--index "$(INDEX)")

test: .venv/ready
	$(BIN)/python -m pytest -m "not ceph"

test-s3: .venv/ready
	$(BIN)/python -m pytest -m ceph

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready
	$(BIN)/mypy

bench: .venv/ready
	$(BIN)/python benchmarks/registry.py
	$(BIN)/python benchmarks/index.py
	$(BIN)/python benchmarks/resolve.py
	$(BIN)/python benchmarks/sync.py

clean:
	rm -rf .venv demo build dist
