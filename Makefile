# make demo   environment, then all three systems on toy data, with pictures
# make app    ask the demo's models in the browser, with own scans and images
# make test   environment, lint, tests
# make matrix SET=vision   the tests with a set of requirements/sets; none: with all
# make lint   style, spelling and types of the code only
# make docs   the pages of docs/ as a site in site/, with MkDocs in .venv-docs
# make mutations     thousands of damaged files, and how they are taken
# make toy-ablation   the ablation table of LESS on toy rooms
# make toy-semires   the table of SemiRES on toy pictures
# make toy-sseg       the table of S-Seg on toy pictures
# The environment is made once in .venv, see tools/make_env.sh for its options.
VENV ?= .venv
export VENV
# everything here is for the CPU, also where there is a GPU
export CUDA_VISIBLE_DEVICES =
# without its bytecode, each import of the libraries takes twice as long
unexport PYTHONDONTWRITEBYTECODE
DOCS_VENV ?= .venv-docs
PYTHON_FILES = mmlangseg projects configs tools tests .dev_scripts setup.py
TEXT_FILES = docs findings requirements $(wildcard *.md *.yml *.cff) \
	setup.cfg pyproject.toml Makefile Dockerfile
TOY_DATA = data/less_toy
MODELS = outputs/demo/models

.PHONY: env test-env demo app test matrix lint docs mutations toy-ablation \
	toy-semires toy-sseg

# rooms that were not looked at while the settings were chosen
TOY_FRESH = data/less_toy_fresh
TOY_PICTURES = data/semires_toy
ABLATION = train_cfg.max_epochs=1 train_cfg.val_interval=1

env:
	@tools/make_env.sh

test-env:
	@tools/make_env.sh app tests

# what is finished is skipped, what was interrupted goes on
demo: env
	@VENV=$(VENV) $(VENV)/bin/python tools/demo.py

# ARGS="--port 8000", for example
app:
	@for model in less semires sseg; do \
		test -d $(MODELS)/$$model || { \
			echo "make app: $(MODELS)/$$model is missing, which" \
				"\`make demo\` trains: run that first" >&2; \
			exit 1; \
		}; \
	done
	@tools/make_env.sh app
	@exec $(VENV)/bin/python tools/demo_app.py --scan $(MODELS)/less \
		--refer $(MODELS)/semires --classes $(MODELS)/sseg \
		$(addprefix --scans ,$(wildcard $(TOY_DATA)/scans)) $(ARGS)

# the ablation table of docs/results/less.md
toy-ablation: env
	@$(VENV)/bin/python tools/dataset_converters/make_toy.py less $(TOY_DATA)
	@$(VENV)/bin/python tools/dataset_converters/make_toy.py less \
		$(TOY_FRESH) --num-train 1 --num-val 60 --seed 1
	@VENV=$(VENV) FRESH=$(TOY_FRESH) .dev_scripts/toy_ablation.sh \
		$(ABLATION)

# the table of docs/results/sseg.md
toy-sseg: env
	@$(VENV)/bin/python tools/dataset_converters/make_toy.py sseg \
		data/sseg_toy
	@VENV=$(VENV) .dev_scripts/toy_sseg.sh

# the tables of docs/results/semires.md
toy-semires: env
	@$(VENV)/bin/python tools/dataset_converters/make_toy.py semires \
		$(TOY_PICTURES)
	@VENV=$(VENV) .dev_scripts/toy_semires.sh

# the table of docs/untrusted_files.md
mutations: test-env
	@PYTHONPATH=.:tests:tools/dataset_converters $(VENV)/bin/python -m \
		mutation --cases 100

# a file's tests share what is costly to make, so they stay in one process
test: lint
	@$(VENV)/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile \
		--no-loadscope-reorder

# the suite on other versions of Python and the libraries: SET=vision
matrix: env
	@UV=$(VENV)/bin/uv tools/matrix.sh $(SET)

lint: test-env
	@$(VENV)/bin/flake8 $(PYTHON_FILES)
	@$(VENV)/bin/isort --check --diff --quiet $(PYTHON_FILES)
	@$(VENV)/bin/yapf --diff --recursive --parallel $(PYTHON_FILES)
	@$(VENV)/bin/codespell $(PYTHON_FILES) $(TEXT_FILES)
	@$(VENV)/bin/mypy --no-error-summary

# a link that leads nowhere is an error
docs: $(DOCS_VENV)/.stamp
	@NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --strict

$(DOCS_VENV)/.stamp: requirements/docs.txt
	@$(or $(PYTHON),python3) -m venv $(DOCS_VENV)
	@$(DOCS_VENV)/bin/pip install -q -r requirements/docs.txt
	@touch $@
