"""python -m tests.perf.thousand: a sweep of a thousand runs, trained for real; and what every command takes with it.

The trainings are short, since what is measured is all else: composing, planning, compiling, recording; and whether the
memory of the command and of the process that trains stays where it was. Exit codes: 0 all is recorded, 1 it is not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from results.drawing import style
from results.records.store import Store
from tests.perf import figures, machine
from tests.perf.sweep_of import ESTIMATORS, OPTIMIZERS

PACKAGES = ("tensorflow", "keras", "numpy", "hydra-core", "pandas", "pyarrow", "matplotlib")
SHAPES = {20: (5, 4, 1), 200: (25, 8, 1), 1000: (25, 8, 5)}  # runs: estimators, optimizers, instances of the problem
EVERY = 1.0  # seconds between two looks at the memory


@dataclass
class Timed:
    """A command: its name, wall-clock seconds, and memory over time.

    Attributes:
        name: as the table has it.
        seconds: that it took.
        command: (seconds since its start, bytes resident) of the command's process.
        trainer: the same of the largest of its children.
    """

    name: str
    seconds: float = 0.0
    command: list[tuple[float, int]] = field(default_factory=list)
    trainer: list[tuple[float, int]] = field(default_factory=list)

    @property
    def peak(self) -> int:
        """The largest sum of both, in bytes."""
        trainer = dict(self.trainer)
        return max((size + trainer.get(at, 0) for at, size in self.command), default=0)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf.thousand", description=__doc__.partition(": ")[2])
    parser.add_argument("--runs", type=int, choices=SHAPES, default=1000)
    parser.add_argument("--json", type=Path, help="where the numbers go")
    parser.add_argument("--figure", type=Path, help="where the figure goes, without an ending")
    options = parser.parse_args()
    about = machine.describe(PACKAGES)
    watch = machine.Watch()
    with tempfile.TemporaryDirectory(prefix="steeplechase-thousand-") as folder:
        found = measure(options.runs, Path(folder) / "store")
    commands = [asdict(one) for one in found]
    whole = {"machine": about, "others": watch.others(), "runs": options.runs, "commands": commands}
    print(table(options.runs, found))
    if options.json:
        options.json.write_text(json.dumps(whole, indent=1), encoding="utf-8")
    if options.figure:
        for path in style.save(figures.memory(whole), options.figure.parent, options.figure.name):
            print(path)
    return 0


def measure(runs: int, store: Path) -> list[Timed]:
    """Trains the sweep in an empty store, and runs every command on it.

    Args:
        runs: how many.
        store: an empty folder.

    Returns:
        What each took.

    Raises:
        RuntimeError: for a command that failed, and where not all is recorded.
    """
    estimators, optimizers, instances = SHAPES[runs]
    line = [
        *("experiment=null", "task=sign_fitting", f"task.instance_seed={','.join(map(str, range(instances)))}"),
        f"estimator={','.join(ESTIMATORS[:estimators])}",
        f"optimizer={','.join(OPTIMIZERS[:optimizers])}",
        *("seed=range(8)", "task.steps=200", "record_points=10", "figures=[convergence]", "tables=[summary]"),
        *("device=cpu", f"store={store}"),
    ]
    sweep = ["runners.sweep", *line]
    found = [
        timed("plan of nothing recorded", [*sweep, "plan=true"]),
        timed("train, tables, figures", sweep),
        timed("plan of all recorded", [*sweep, "plan=true"]),
        timed("recognise, tables, figures", sweep),
        timed("runners.figures", ["runners.figures", "--store", str(store)]),
        timed("runners.report", ["runners.report", "--store", str(store)]),
        timed("runners.status", ["runners.status", "--store", str(store)]),
    ]
    if len(Store(store).runs()) != runs:
        raise RuntimeError(f"{len(Store(store).runs())} runs are recorded, not {runs}.")
    return found


def timed(name: str, line: list[str]) -> Timed:
    """Runs a module with arguments, and watches its memory. Raises RuntimeError where it fails."""
    found, started = Timed(name), time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", *line],
        cwd=machine.ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(EVERY):
            at = round(time.perf_counter() - started, 1)
            found.command.append((at, _resident(process.pid)))
            found.trainer.append((at, max(map(_resident, _children(process.pid)), default=0)))

    watching = threading.Thread(target=watch)
    watching.start()
    said, _ = process.communicate()
    found.seconds = time.perf_counter() - started
    ended.set()
    watching.join()
    if process.returncode:
        raise RuntimeError(f"{name} failed: {said[-2000:]}")
    print(f"{name}: {found.seconds:.1f} s, {found.peak / 2**20:,.0f} MiB", flush=True)
    return found


def table(runs: int, found: list[Timed]) -> str:
    """The times as a table in Markdown, with what of it a run costs."""
    lines = [f"| with {runs:,} runs | seconds | milliseconds a run | memory, at most |", "| --- | ---: | ---: | ---: |"]
    for one in found:
        size = f"{one.peak / 2**30:.1f} GiB" if one.peak else ""
        lines.append(f"| {one.name} | {one.seconds:.1f} | {1000 * one.seconds / runs:.0f} | {size} |")
    return "\n".join(lines)


def _resident(process: int) -> int:
    """Bytes; 0 where it has ended."""
    try:
        pages = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _children(process: int) -> list[int]:
    try:
        paths = list(Path(f"/proc/{process}/task").glob("*/children"))
        return [int(child) for path in paths for child in path.read_text(encoding="ascii").split()]
    except OSError:
        return []


if __name__ == "__main__":
    sys.exit(main())
