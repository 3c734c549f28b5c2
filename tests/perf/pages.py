"""python -m tests.perf.pages [NAME ...]: what each estimator's page costs in training, as a ratio to the identity's.

Both trainers, of 784-256-256-10 with Adam, stand compiled in one process and work in turn (ABBA), so that drift of the
machine meets both. A ratio is replica-steps/s of the page's over the identity's; the table has its median over rounds
and a 95 % t interval on its logarithm.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import stats

from runners.training import setup

REFERENCE, BOUND = "ste", 0.9  # a page that is slower says in its docstring why
STEPS, ROUNDS = 120, 6


def main() -> int:
    """The command. Exit codes: 0 every page is fast enough or says why not, 1 one is neither."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf.pages", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="of estimators (default: the whole book)")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON instead of a table")
    options = parser.parse_args()
    setup.start_tensorflow("cpu")
    import estimators
    from tests.perf.problems import BATCH, PROBLEMS, problem_files

    with problem_files() as files:
        from tasks.binarized_mlp import binarized_mlp

        task = binarized_mlp(
            data=files[0], labels=files[1], hidden=PROBLEMS["mlp-256"].hidden, batch=BATCH, split_seed=0
        )
        reference = _trainer(task, REFERENCE)
        found = {name: _ratio(reference, _trainer(task, name)) for name in options.names or sorted(estimators.registry)}
    slow = [name for name, (ratio, _, _) in found.items() if ratio < BOUND]
    silent = [name for name in slow if "Slower than" not in estimators.registry[name].rule.__doc__]
    if options.json:
        print(json.dumps(found))
    else:
        _show(found)
    if silent:
        print(f"slower than {BOUND:g} of {REFERENCE} without a word: {', '.join(silent)}", file=sys.stderr)
    return 1 if silent else 0


def _trainer(task, name):
    """A trainer of this task through this page, compiled and seated."""
    import estimators
    from runners.training.hard_sites import Hard
    from runners.training.programs import Program, Replica, block_size
    from runners.training.trainer import Trainer

    page, size = estimators.registry[name], block_size(task, "cpu", 1)
    trainer = Trainer(Program(task, Hard(page, page), "Adam", (), (), size, "float32", "cpu"))
    trainer.begin([Replica(seed, 0.003, page.parameters, page.parameters) for seed in range(size)], 10**6)
    trainer.advance(10)
    return trainer


def _ratio(reference, own) -> tuple[float, float, float]:
    """Median over rounds, and the ends of the interval."""
    logarithms = []
    for _ in range(ROUNDS):
        seconds = {id(reference): 1.0, id(own): 1.0}
        for trainer in (reference, own, own, reference):
            started = time.perf_counter()
            trainer.advance(trainer.step + STEPS)
            seconds[id(trainer)] *= time.perf_counter() - started
        logarithms.append(math.log(seconds[id(reference)] / seconds[id(own)]) / 2)
    middle, half = np.median(logarithms), stats.t.ppf(0.975, ROUNDS - 1) * stats.sem(logarithms)
    return tuple(float(math.exp(end)) for end in (middle, np.mean(logarithms) - half, np.mean(logarithms) + half))


def _show(found):
    table = Table(title=f"replica-steps/s on 784-256-256-10, Adam, as a ratio to {REFERENCE}")
    for column in ("page", "ratio", "95 %"):
        table.add_column(column, justify="left" if column == "page" else "right")
    for name, (ratio, low, high) in sorted(found.items(), key=lambda item: item[1][0]):
        table.add_row(name, f"{ratio:.2f}", f"[{low:.2f}, {high:.2f}]", style="" if ratio >= BOUND else "bold")
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
