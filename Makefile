# `make demo` and `make test` are all a newcomer needs. uv is used where it can be had, pip otherwise.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
WORKERS ?= 2
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)

.PHONY: setup setup-train setup-test demo nano test soak check fix shape bench bench-% web docs handbook clean

setup: $(VENV)/.installed
setup-train: $(VENV)/.installed-train
setup-test: $(VENV)/.installed-test

$(VENV)/.installed: pyproject.toml constraints.txt scripts/install.sh
	PYTHON=$(PYTHON) VENV=$(VENV) sh scripts/install.sh '.[all]'
	@touch $@

$(VENV)/.installed-train: $(VENV)/.installed
	@echo "installing PyTorch: only the second half of the demo (training, serving, evaluation) needs it"
	PYTHON=$(PYTHON) VENV=$(VENV) sh scripts/install.sh '.[all,train]'
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed-train
	PYTHON=$(PYTHON) VENV=$(VENV) sh scripts/install.sh --group test
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed-test
	PYTHON=$(PYTHON) VENV=$(VENV) sh scripts/install.sh --group bench
	@touch $@

demo: setup-train
	$(BIN)/lianlu demo

# The base that the demo starts from: forty minutes on two cores, minutes on a GPU.
nano: setup-train
	$(BIN)/lianlu run train/nano --out out/nano
	$(BIN)/python examples/put_nano.py out/nano/base

# What failed is tried once more, alone: a few tests watch the clock (a service that is slow, a stream that outlasts a
# limit) and lose on a machine that is busy with the others.
# The demo is run alone: its training takes all cores, and two such runs side by side take ten times as long.
test: setup-test
	$(PYTEST) -n $(WORKERS) || $(PYTEST) --last-failed --last-failed-no-failures=none
	$(PYTEST) -m demo

soak: setup-test
	$(PYTEST) -m soak

check: setup-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/deptry src

fix: setup-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

shape: setup-test
	$(BIN)/python scripts/shape.py

bench: bench-cli bench-extract bench-prompt bench-rag bench-train

bench-%: $(VENV)/.installed-bench
	@$(BIN)/python -m benchmarks $* $(ARGS)

web:
	@echo "the web interface comes with the studio room; nothing to build yet"

docs: setup-test
	$(BIN)/python docs/build.py

handbook: setup-test
	$(BIN)/python examples/build_handbook.py

clean:
	rm -rf $(VENV) .venv-peers out build dist
