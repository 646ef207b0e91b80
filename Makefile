# make demo   environment, toy data, training, testing, pictures
# make test   environment, lint, tests
# make lint   style of the code only
# The environment is made once in .venv, see tools/make_env.sh for its options.
VENV ?= .venv
export VENV
PYTHON_FILES = mmlangseg projects configs tools tests setup.py
TOY_DATA = data/less_toy
TOY_RUN = work_dirs/less_toy

.PHONY: env demo test lint

env:
	@tools/make_env.sh

test: lint
	@$(VENV)/bin/python -m pytest

lint: env
	@$(VENV)/bin/flake8 $(PYTHON_FILES)
	@$(VENV)/bin/isort --check --diff --quiet $(PYTHON_FILES)
	@$(VENV)/bin/yapf --diff --recursive --parallel $(PYTHON_FILES)
