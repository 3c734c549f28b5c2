# Every target sets up what it needs first: a clean clone and one command are enough.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/ready
PEERS := .venv-peers
PEERS_READY := $(PEERS)/ready

.DEFAULT_GOAL := help
.PHONY: help setup sweep paper board report test test-all test-browser fuzz torture slurm test-slurm lint figures docs site perf peers scaling thousand perf-check gpu-check lock clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## build .venv from the lock, when it is missing or old

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("steeplechase: Python 3.11 or newer is needed, and $(PYTHON) is " + sys.version.split()[0] + "; try make PYTHON=python3.11") if sys.version_info < (3, 11) else 0'
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

sweep: $(READY) ## run the default experiment and show who won (ARGS="..." are handed on)
	$(RUN) -m runners.sweep $(ARGS)

# What the README and a paper show. What is recorded already is not trained again.
PAPER := notebook throughput flow control convergence control_mnist surrogates surrogates_mnist pairings
PAPER += instance_two eight_splits constant_surrogates wider_clip quantized quantized_4
PAPER += memorisation spiking convnet choosing
PAPER += drawn_bits drawn_choices drawn_networks toy
PAPER += fidelity fidelity_wide fidelity_choices fidelity_smoothed fidelity_population knobs policy

paper: $(READY) ## run every experiment that is missing, and draw every figure, table and the report (about two hours)
	@for name in $(PAPER); do $(RUN) -m runners.sweep experiment=$$name || exit 1; done
	$(RUN) -m runners.figures --columns 1 $(PAPER)
	$(RUN) -m runners.report

board: $(READY) ## which gradient to start from, over a dozen tasks (up to two hours; ARGS="..." are handed on)
	$(RUN) -m runners.board $(ARGS)

report: $(READY) ## all that was found, as one HTML file that needs no network
	$(RUN) -m runners.report $(ARGS)

figures: $(READY) ## draw tables and figures anew from the records
	$(RUN) -m runners.figures $(ARGS)

docs: $(READY) ## the estimators' page and gallery in docs/, made anew
	$(RUN) -m runners.gallery $(ARGS)

site: $(READY) ## the documentation as a website in site/: of docs/, and of what the code says of itself
	$(RUN) -m sphinx -W --keep-going -q -b html -d build/doctrees docs site
	@echo "Site: site/index.html"

test: $(READY) ## the tests, at their short sizes
	$(RUN) -m pytest

test-all: $(READY) ## the tests, long forms included
	$(RUN) -m pytest -m "long or not long"

fuzz: $(READY) ## command lines and stores at random: how many are accepted, refused, or neither (ARGS="--lines N --seed S")
	$(RUN) -m tests.fuzz $(ARGS)

torture: $(READY) ## sweeps killed, stopped, starved and damaged: what became of them (an hour and more; ARGS="--faults N")
	$(RUN) -m tests.torture $(ARGS)

slurm:
	@command -v sbatch >/dev/null && command -v munge >/dev/null || { apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge >/dev/null; } || \
		{ echo "steeplechase: Debian's packages slurm-wlm and munge are needed, and could not be installed" >&2; exit 1; }

test-slurm: $(READY) slurm ## sweeps through a SLURM of two nodes on this machine: Debian's slurm-wlm and munge, installed where missing
	$(RUN) -m pytest -n 0 -rs tests/slurm $(ARGS)

test-browser: $(READY) ## the report and the site in a real browser: Debian's chromium, installed where it is missing
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || { apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver >/dev/null; } || \
		{ echo "steeplechase: Debian's packages chromium and chromium-driver are needed, and could not be installed" >&2; exit 1; }
	$(RUN) -m pytest tests/browser

lint: $(READY) ## style, types, and who may import whom
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports --no-cache

perf: $(READY) ## the speed of the trainer beside the peers that need nothing more, in a few rounds
	$(RUN) -m tests.perf.peers --processes 3 --peers ours,eager,keras,tf_function $(ARGS)

peers: $(PEERS_READY) ## this project beside Keras, TensorFlow, PyTorch and JAX: tables, JSON and figures (most of an hour)
	$(PEERS)/bin/python -m tests.perf.keras_sweep --json docs/speed/sweep.json
	$(PEERS)/bin/python -m tests.perf.peers --json docs/speed/peers.json --figure docs/speed/peers $(ARGS)

# The lock, and the extra `peers` on top of it. The CPU builds serve; a build with CUDA does as well.
$(PEERS_READY): requirements.lock pyproject.toml
	rm -rf $(PEERS)
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[peers]'
	@touch $(PEERS_READY)

scaling: $(READY) ## how cost grows with replicas, width, steps and runs: table, JSON and figure (minutes)
	$(RUN) -m tests.perf.scaling --json docs/speed/scaling.json --figure docs/speed/scaling $(ARGS)

thousand: $(READY) ## a sweep of a thousand runs: what every command takes, and the memory of both processes (half an hour)
	$(RUN) -m tests.perf.thousand --json docs/speed/thousand.json --figure docs/speed/thousand $(ARGS)

perf-check: $(READY) ## is this tree slower than that commit? (BASE=COMMIT, or ARGS=--self-test)
	@$(RUN) -m tests.perf.check $(if $(BASE),"$(BASE)") $(ARGS)

gpu-check: $(READY) ## on a machine with a GPU: is it right, and how fast? (needs the extra `gpu`)
	$(RUN) -m tests.perf.gpu $(ARGS)

lock: ## resolve the dependencies anew into requirements.lock
	$(VENV)/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-header --no-emit-index-url --no-annotate --quiet --output-file requirements.lock >/dev/null

clean: ## remove the environments (records stay)
	rm -rf $(VENV) $(PEERS) .perf site build/doctrees *.egg-info
