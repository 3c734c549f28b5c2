"""python -m tests.perf.sweep_of RUNS STORE: a store in which a sweep of so many runs is finished, made from one run.

A thousand programs would be compiled for an hour. So one of them is trained for real, and its table and its account are
written anew under the identity of every other: planned, hashed, checked, sealed and laid down by the code that a sweep
uses, so that the command finds each of them recorded. How long things take is measured on such a store; what its
numbers say is not: they are one run's, a thousand times.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from results.records import schema as record_schema
from results.records.reading import load
from results.records.store import Store
from runners.configuration import resolution, schema
from runners.configuration.run import Run
from runners.execution import record_rows, training_run
from runners.planning import device, identity
from runners.planning.identity import PlannedRun, identify

# 5 rates x 8 seeds, which are one block, and 20 rows after the start, with more of what makes runs: an estimator
# and an optimizer beside an estimator and an optimizer, as real sweeps have them, before instances of the problem.
ESTIMATORS = (
    *("sigmoid_derivative", "ste", "tanh_slope", "ste_clipped", "atan", "approx_sign", "circ", "dsq", "erf"),
    *("exponential", "fast_sigmoid", "fourier", "gauss", "leaky", "mag_aware", "multi_gauss", "rect", "s2nn"),
    *("sigmoid_n", "softsign", "sparse_fs", "superspike_asym", "swish_sign", "triangle", "zero"),
)
OPTIMIZERS = ("adam", "sgd", "momentum", "adamw", "nadam", "rmsprop", "lion", "nesterov")
SHAPES = {1: (1, 1, 1), 10: (5, 2, 1), 100: (25, 4, 1), 1000: (25, 8, 5)}  # estimators, optimizers, instances


def arguments(runs: int, store: str | Path) -> list[str]:
    """The command line of a sweep of so many runs."""
    estimators, optimizers, instances = SHAPES[runs]
    return [
        "experiment=convergence",
        "task=sign_fitting",
        f"estimator={','.join(ESTIMATORS[:estimators])}",
        f"optimizer={','.join(OPTIMIZERS[:optimizers])}",
        f"task.instance_seed={','.join(map(str, range(instances)))}",
        "seed=range(8)",
        "figures=[convergence,throughput]",
        "tables=[summary]",
        "device=cpu",
        f"store={store}",
    ]


@contextmanager
def sweeper(line: list[str]) -> Iterator:
    """The sweeper as Hydra sets it up for this command line, but without a launcher."""
    from hydra import initialize_config_dir
    from hydra._internal.callbacks import Callbacks
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.utils import JobRuntime
    from hydra.plugins.sweeper import Sweeper
    from hydra.types import HydraContext, RunMode
    from omegaconf import OmegaConf

    from hydra_plugins.replicas_sweeper import ReplicasSweeper
    from runners.configuration import overrides

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(schema.CONF), job_name="sweep", version_base="1.3"):
        JobRuntime.instance().set("name", "sweep")
        hydra = GlobalHydra.instance().hydra
        cfg = hydra.config_loader.load_configuration("config", [*map(overrides.defer, line)], RunMode.MULTIRUN)
        made: Sweeper = ReplicasSweeper(OmegaConf.to_container(cfg.hydra.sweeper).get("params"))
        made.hydra_context = HydraContext(config_loader=hydra.config_loader, callbacks=Callbacks())
        made.config, made.typed = cfg, OmegaConf.to_container(cfg.hydra.overrides.task)
        yield made


def plan(line: list[str]) -> list[PlannedRun]:
    """The runs of a command line, identified as the command does it."""
    with sweeper(line) as made:
        composed = map(made.compose, made.split(made.typed))
        return [identify(resolution.resolve(cfg, device.find(cfg["device"]))) for cfg in composed]


def train(wanted: PlannedRun) -> tuple[pd.DataFrame, dict]:
    """The table and the account of one run, trained in a store of its own."""
    from runners.training import setup

    setup.start_tensorflow("cpu")
    with tempfile.TemporaryDirectory() as folder:
        own = Run(wanted.run.program, wanted.run.replicas, wanted.run.files, folder, wanted.run.checkpoint)
        outcome = training_run.execute(own, lambda *_: None)
        if outcome.error or outcome.trained != len(wanted.ids):
            raise RuntimeError(f"{wanted.name} could not be trained: {outcome.error or outcome.unsupported}")
        results = load(folder)
    [account] = results.accounts
    return results.rows, account


def anew(wanted: PlannedRun, table: pd.DataFrame, account: dict) -> tuple[pd.DataFrame, dict]:
    """The same numbers as the part of another run with as many replicas."""
    import estimators

    own = {name: i for i, name in enumerate(account["replicas"])}
    at = table["replica"].map(own).to_numpy()
    kept = [c for c in table.columns if c not in record_schema.IDENTITY and not c.startswith(record_schema.PREFIXES)]
    columns = {c: table[c] for c in kept} | record_rows.constant_columns(wanted, latent=False)
    values = [replica.columns() for replica in wanted.run.replicas]
    for name in values[0]:
        columns[name] = [values[i][name] for i in at]
    columns["replica"] = [wanted.ids[i] for i in at]
    page = estimators.registry[wanted.run.program["estimator"]["name"]]
    told = {
        "run": wanted.name,
        "fingerprint": wanted.fingerprint,
        "sources": wanted.covers,
        "configuration": identity.configuration(wanted.run),
        "replicas": list(wanted.ids),
        "labels": {**account["labels"], "estimator": page.label, "optimizer": wanted.run.program["optimizer"]["name"]},
        "control": page.trait("peak") == 0,
        "bound": "lower" if page.trait("peak") == 0 else "",
        "outside_spread": page.outside_spread,
    }
    written = ("schema", "table", "sha256", "seal")  # the store's own
    return pd.DataFrame(columns), {k: v for k, v in account.items() if k not in written} | told


def finish(wanted: list[PlannedRun], store: Store, table: pd.DataFrame, account: dict) -> None:
    """Records every one of these runs."""
    for one in wanted:
        store.write(one.name, one.fingerprint, *anew(one, table, account))


def main() -> int:
    """The command. Exit codes: 0 every run of the sweep is recorded, 1 one is not."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf.sweep_of", description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=int, choices=SHAPES)
    parser.add_argument("store", type=Path)
    options = parser.parse_args()
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    line, store = arguments(options.runs, options.store), Store(options.store)
    wanted = plan(line)
    finish(wanted, store, *train(wanted[0]))
    left = sum(len({*one.ids} - store.done(one.name, one.fingerprint, lambda *_: None)) for one in wanted)
    print(f"{len(wanted)} runs, {sum(len(one.ids) for one in wanted)} replicas, {left} not recorded.")
    print(f"python -m runners.sweep {' '.join(line)}")
    return 1 if left or math.prod(SHAPES[options.runs]) != len(wanted) else 0


if __name__ == "__main__":
    sys.exit(main())
