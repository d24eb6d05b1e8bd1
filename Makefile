# Every target does its own set-up; `make PYTHON=/path/to/python3.12 ...` names the interpreter.
BIN := .venv/bin
STAMP := .venv/.installed
BENCHMARKS := fit_arrays render where quick_update first_update end_to_end publish many_runs memory instruments search_overhead
JOBS ?= 2
export PYTHON

.PHONY: help setup demo examples test audit faults fuzz soak docker-test lint bench bench-quick clean

help:
	@echo "make demo         fit a simulated lens and watch it (a few minutes)"
	@echo "make test         run the tests"
	@echo "make setup        the environment alone: each target makes it where it is missing"
	@echo "make examples     BlackJAX, optax and herculens, watched (a minute or two)"
	@echo "make lint         ruff, with its security rules, and mypy"
	@echo "make audit        known weaknesses of the pinned packages (needs PyPI's advisories)"
	@echo "make bench        what watching costs, all of it (hours); bench-quick: no whole searches"
	@echo "make faults       killed, stopped, cut off, full disks: the long forms; fuzz, soak: an hour"
	@echo "make docker-test  the image and the compose file on a real engine (as root)"
	@echo "make clean        remove the environment, caches and results"

setup: $(STAMP)

$(BIN)/python:
	@python=$$(tools/find_python.sh) && \
	echo "[1/2] creating .venv with $$($$python --version) ($$python)" && \
	$$python -m venv --clear .venv

$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "[2/2] installing vizworker, PyAutoLens and the tools at pinned versions (a few minutes)"
	$(BIN)/python -m pip install -e '.[autolens,dev,examples]' -c constraints.txt
	@touch $@

demo: $(STAMP)
	$(BIN)/vizworker demo

examples: $(STAMP)
	@for each in examples/*.py; do $(BIN)/python $$each || exit 1; done

test: $(STAMP)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

faults: $(STAMP)
	$(BIN)/python -m pytest tests/test_faults.py -m "slow or not slow"

fuzz: $(STAMP)
	$(BIN)/python -m pip install -q -e '.[fuzz]' -c constraints.txt
	$(BIN)/python tests/fuzz/fuzz.py

soak: $(STAMP)
	$(BIN)/python tests/soak.py

docker-test: $(STAMP)
	docker/test.sh

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# in an environment of its own; a package that the advisories cannot be asked about fails it
audit:
	@test -x .venv-audit/bin/pip-audit || \
	{ $$(tools/find_python.sh) -m venv .venv-audit && .venv-audit/bin/pip install -q pip-audit; }
	.venv-audit/bin/pip-audit --strict --disable-pip --no-deps -r constraints.txt || \
	{ echo "audit: a known weakness, or no package index that tells of them, is in the lines above"; exit 1; }

bench: $(STAMP)
	@for each in $(BENCHMARKS); do $(BIN)/python benchmarks/$$each.py || exit 1; done
	$(BIN)/python benchmarks/search_overhead.py --model mge

bench-quick: $(STAMP)
	@for each in $(filter-out search_overhead,$(BENCHMARKS)); do \
		$(BIN)/python benchmarks/$$each.py --quick || exit 1; done

clean:
	rm -rf .venv .venv-audit .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist output benchmarks/results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
