"""python -m tests.perf.scaling: how cost grows with replicas, width, steps and a sweep's runs; linearly, or worse?

Everything is measured in one process, in rounds that go through all sizes, there in one and back in the next. Compiling
is apart: whatever compiles has done so before the first round. Exit codes: 0 nothing grows faster than linearly,
1 something does.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.perf import growth, machine
from tests.perf.problems import PROBLEMS, Problem, build_program, data_name, problem_files
from tests.perf.problems import replica as training

PACKAGES = ("tensorflow", "keras", "numpy", "hydra-core", "pandas", "pyarrow", "matplotlib")
SMALL = Problem("small", (16, 16), 0.003, (1,))
PHASES = ("composing", "planning", "recording", "reading", "drawing")
STEPS = {"notebook": 20_000, "mlp-256": 30}  # of every replica, where replicas are counted
TURN = 0.25  # about the seconds that a network of some width is trained for


@dataclass(frozen=True)
class Series:
    """What is measured at growing sizes. quick: how many of the sizes a quick look takes, from the smallest on."""

    name: str
    label: str
    unit: str
    sizes: tuple[int, ...]
    quick: int


SERIES = {
    one.name: one
    for one in (
        Series("scalars", "scalars, 20,000 steps", "replica", tuple(4**i for i in range(7)), 5),
        Series("networks", "784-256-256-10, 30 steps", "replica", tuple(2**i for i in range(7)), 5),
        Series("widths", "784-w-w-10, w = 64 …, one step", "parameter", (64, 128, 256, 512, 1024, 2048), 4),
        Series("steps", "784-16-16-10", "step", (100, 316, 1000, 3162, 10_000), 3),
        Series("composing", "a sweep: composing", "run", (1, 10, 100, 1000), 3),
        Series("planning", "a sweep: planning", "run", (1, 10, 100, 1000), 3),
        Series("recording", "a sweep: recording", "run", (1, 10, 100, 1000), 3),
        Series("reading", "a sweep: reading back", "run", (1, 10, 100, 1000), 3),
        Series("drawing", "a sweep: tables and figures", "run", (1, 10, 100, 1000), 3),
    )
}


class Training:
    """Replicas of a problem, trained anew at every call as a run does it: blocks side by side in lanes."""

    def __init__(self, problem: Problem, files, device: str, replicas: int, steps: int):
        self.program = build_program(problem, files, replicas, device=device)
        self.seats = [training(problem, seed) for seed in range(replicas)]
        self.steps, self.compile_s = steps, 0.0

    def __call__(self) -> float:
        """The seconds of one training."""
        from runners.execution.parallel import default_parallel_blocks, train_in_parallel
        from runners.training.trainer import trainer

        size = self.program.block

        def sit(block, lane, _sharing):
            heart = trainer(self.program, lane)
            heart.begin(block, self.steps)
            heart.advance(self.steps)
            return heart.compile_s

        started = time.perf_counter()
        blocks = [self.seats[at : at + size] for at in range(0, len(self.seats), size)]
        self.compile_s += sum(train_in_parallel(blocks, default_parallel_blocks(self.program.device), sit))
        return time.perf_counter() - started


class Alone:
    """One replica in a block of its own, whatever the block rule says of small networks; its start is not counted."""

    def __init__(self, problem: Problem, files, device: str, steps: int | None):
        """steps: None takes as many as last about TURN, and counts the seconds of one."""
        self.program = replace(build_program(problem, files, 1, device=device), block=1)
        self.seat, self.steps, self.each = training(problem, 0), steps or 1, steps is None
        self.compile_s = 0.0

    def __call__(self) -> float:
        """The seconds of the steps, or of one step."""
        from runners.training.trainer import trainer

        heart = trainer(self.program)
        heart.begin([self.seat], self.steps)
        took = heart.advance(self.steps)
        self.compile_s += heart.compile_s
        return took / self.steps if self.each else took

    def settle(self) -> None:
        """Decides how many steps a turn has."""
        if self.each:
            self()
            self.steps = 5
            self.steps = min(2000, max(5, math.ceil(TURN / self())))


class Sweep:
    """A sweep of so many runs that is finished already, made from one run that was trained."""

    def __init__(self, runs: int, folder: Path, trained: Sequence):
        from results.records.store import Store
        from tests.perf import sweep_of

        self.store, self.folder, self.trained, self.compile_s = Store(folder / f"{runs}"), folder, trained, 0.0
        self.line = sweep_of.arguments(runs, self.store.root)
        sweep_of.finish(sweep_of.plan(self.line), self.store, *self.trained)

    def __call__(self) -> dict[str, float]:
        """The seconds of each phase, all of them once over all runs."""
        from results.records.reading import load
        from results.records.store import Store
        from runners.planning import plans
        from tests.perf import sweep_of

        clock = Clock()
        with sweep_of.sweeper(self.line) as made:
            with clock("composing"):
                jobs = made.split(made.typed)
                composed = iter([made.compose(job) for job in jobs])
            with clock("planning"), contextlib.redirect_stdout(io.StringIO()):
                states, common = plans.plan_runs(jobs, lambda _: next(composed))
                plan = plans.as_plan("scaling", self.line, states, common)
                self.store.write_plan(plan)
        missing = sum(state.missing for state in states)
        if missing:
            raise RuntimeError(f"{missing} replicas of a finished sweep were not recognised.")
        with tempfile.TemporaryDirectory(dir=self.folder) as other, clock("recording"):
            sweep_of.finish([state.planned for state in states], Store(other), *self.trained)
        with clock("reading"):
            results = load(self.store, plan)
        with clock("drawing"):
            _draw(results, plan, self.folder)
        return clock.seconds


class Clock:
    """Seconds by name: `with clock(name): ...`."""

    def __init__(self):
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - started


def _draw(results, plan, folder: Path) -> None:
    """The plan's tables and figures, as `python -m runners.figures` makes them of records that were read."""
    from rich.console import Console

    from results import tables
    from results.drawing import style

    for name in plan.tables:
        tables.make(name, results, folder, Console(file=io.StringIO()))
    for name in plan.figures:
        style.save(importlib.import_module(f"results.figures.{name}").draw(results), folder, name)


# The rounds


def measure(names: Sequence[str], device: str, rounds: int, quick: bool) -> list[dict]:
    """Every series with what was found of it."""
    with problem_files() as files, tempfile.TemporaryDirectory() as folder:
        entries = list(_entries(names, files, device, Path(folder), quick))
        seconds: dict[str, dict[int, list[float]]] = {}
        for i in range(rounds):
            _say(f"round {i + 1} of {rounds}")
            for name, size, work in entries if i % 2 == 0 else entries[::-1]:
                took = work()
                for series, spent in took.items() if isinstance(took, Mapping) else [(name, took)]:
                    seconds.setdefault(series, {}).setdefault(size, []).append(spent)
    compiling = {name: sum(work.compile_s for other, _, work in entries if other == name) for name in names}
    found = []
    for name in names:
        own, kept = SERIES[name], dict(sorted(seconds[name].items()))
        table = growth.describe(list(kept), list(zip(*kept.values(), strict=True)))
        found.append({"name": name, "label": own.label, "unit": own.unit, "compile_s": compiling[name], **table})
    return found


def _entries(names, files, device, folder, quick) -> Iterator[tuple[str, int, Callable]]:
    """(series, x, what is called for its seconds), compiled and called once before."""
    makers: dict[str, Callable[[int], Training | Alone]] = {
        "scalars": lambda n: Training(PROBLEMS["notebook"], files, device, n, STEPS["notebook"]),
        "networks": lambda n: Training(PROBLEMS["mlp-256"], files, device, n, STEPS["mlp-256"]),
        "widths": lambda n: Alone(_wide(n), files, device, None),
        "steps": lambda n: Alone(SMALL, files, device, n),
    }
    for name in names:
        own = SERIES[name]
        for size in (own.sizes[: own.quick] if quick else own.sizes) if name in makers else ():
            _say(f"{name}: {size:,}")
            work = makers[name](size)
            work()
            if isinstance(work, Alone):
                work.settle()
            yield name, _wide(size).numbers() if name == "widths" else size, work
    phases = [name for name in names if name in PHASES]
    if phases:
        from tests.perf import sweep_of

        own = SERIES[phases[0]]
        trained = sweep_of.train(sweep_of.plan(sweep_of.arguments(1, folder))[0])
        for size in own.sizes[: own.quick] if quick else own.sizes:
            _say(f"a finished sweep: {size:,}")
            yield phases[0], size, Sweep(size, folder, trained)


def _wide(width: int) -> Problem:
    return Problem(f"wide-{width}", (width, width), 0.003, (1,))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# The command


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    options = parse_options(words)
    if options.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    from runners.training import setup

    here, watch = machine.describe(PACKAGES, options.device), machine.Watch()
    if fault := setup.start_tensorflow(options.device):
        print(f"steeplechase: {fault}", file=sys.stderr)
        return 2
    series = measure(options.only, options.device, options.rounds, options.quick)
    here["others"] = watch.others()
    whole = {"machine": here, "data": data_name(), "rounds": options.rounds, "series": series}
    show(whole)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if options.figure:
        from results.drawing import style
        from tests.perf import figures

        for path in style.save(figures.scaling(whole), options.figure.parent, options.figure.name):
            _say(f"wrote {path}")
    return 1 if growth.worse(series) else 0


def show(whole: Mapping) -> None:
    """Prints a row for each series."""
    from rich.console import Console
    from rich.table import Table

    from tests.perf.figures import seconds

    console = Console(width=None if sys.stdout.isatty() else 160)
    table = Table(title="How cost grows", title_justify="left")
    table.add_column("what")
    for column in ("from", "takes", "to", "takes", "constant", "exponent", "compiling"):
        table.add_column(column, justify="right")
    table.add_column("")
    for one in whole["series"]:
        ends = [_end(one, at) for at in (0, -1)]
        bounds = (one["exponent_low"], one["exponent_high"])
        reach = "" if None in bounds else " [{:.2f}, {:.2f}]".format(*bounds)
        table.add_row(
            one["label"],
            *ends[0],
            *ends[1],
            f"{seconds(one['constant'])} a {one['unit']}",
            f"{one['exponent']:.2f}{reach}",
            seconds(one["compile_s"]) if one["compile_s"] else "–",
            "" if one["linear"] else "WORSE THAN LINEAR",
        )
    console.print(table)
    here = whole["machine"]
    console.print(
        f"Medians over {whole['rounds']} rounds. Exponent: the slope of log seconds on log size over the upper half of "
        "the sizes, its mean over rounds with a 95 % t interval. Constant: seconds for each unit at the largest size. "
        f"{whole['data']}, batch 64, Adam, float32, as a run trains: several blocks side by side."
    )
    console.print(f"{here['cpu']}, {here['cores']} cores, {here['gpu'] or 'no GPU used'}, {here['date']}.")
    if words := machine.load_words(here["load"], here["others"]):
        console.print(words)


def _end(one, at):
    from tests.perf.figures import seconds

    return f"{one['x'][at]:,} {one['unit']}{'s' * (one['x'][at] > 1)}", seconds(one["seconds"][at])


def parse_options(words):
    parser = argparse.ArgumentParser(prog="python -m tests.perf.scaling", description=__doc__.partition(": ")[2])
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    parser.add_argument("--figure", type=Path, help="also draw them: this name with .png, .svg and .pdf")
    parser.add_argument("--quick", action="store_true", help="the smaller sizes only")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu", help="(default: cpu)")
    parser.add_argument("--only", nargs="+", metavar="SERIES", choices=SERIES, help=f"of: {', '.join(SERIES)}")
    parser.add_argument("--rounds", type=int, help="(default: 5, or 3 of a quick look)")
    options = parser.parse_args(words)
    options.rounds = options.rounds if options.rounds is not None else 3 if options.quick else 5
    if options.rounds < 2:
        parser.error(f"--rounds is {options.rounds}, but must be at least 2: one has no interval")
    # What surrounds the trainings of a sweep uses no device.
    known = [name for name in SERIES if options.device == "cpu" or name not in PHASES]
    options.only = [name for name in known if name in (options.only or known)]
    if not options.only:
        parser.error("nothing of that uses a GPU: measure it with --device cpu")
    return options


if __name__ == "__main__":
    sys.exit(main())
