"""Stores that were spoilt at random, and whether anything that is read from them is told wrong, or left out unsaid.

One small store is made by the sweep's own command and the store's own writers, without training: two plans, three runs
in two parts each, one declined, a state that was kept, and a frozen table with what was made of it. A case copies it,
spoils it, and has it read by `results.load` and by a command: figures, a report, a plan, the check of frozen tables.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from steeplechase.errors import RecordError, StoreError
from tests.fuzz import harness, quick
from tests.fuzz.harness import KINDS, LOSS, LOST, Harness, Line, Outcome
from tests.oracles import records

RATES, SEEDS = (0.01, 0.1), 2
_AXES = ["experiment=null", "task=sign_fitting", "optimizer=sgd", f"seed=range({SEEDS})", "steps=40", "record_points=4"]
_AXES += [f"optimizer.learning_rate={','.join(map(str, RATES))}", "store=results"]
SWEEPS = (  # the first has three runs, of which one is declined; the second one of the others alone
    [*_AXES, "estimator=ste,sigmoid_derivative,tanh_slope", "normalize=area", "figures=[]", "tables=[summary]"],
    [*_AXES, "estimator=tanh_slope", "normalize=area", "figures=[time_to_target]", "tables=[]"],
)
ODD = (
    None,
    [],
    {},
    "",
    "x",
    "../../x",
    "[red]",
    "/",
    "a\nb",
    0,
    -1,
    1.5,
    1e400,
    float("nan"),
    2**70,
    True,
    [[]],
    "w" * 3000,
)
NAMES = ("[red]x", "a\nb", "..x", "größe", "x" * 250, " ", "-x", "a=b", "\udcff", ".hidden", "%s", "{}")


# The store as it was written


def make(folder: Path, run: Harness, clock: bool) -> None:
    """Makes the store, the frozen tables and `truth` (a pickle of what is read of them) in this empty folder.

    clock: whether an earlier plan of the first name was written by a clock that was eleven years fast; of such a store
    nothing is read, so that there is no truth.
    """
    run.lay_out(_beside)
    work = run.ground / "work"
    for step in (_wanted, _records, lambda: _plans(clock), *([] if clock else [_draw])):
        outcome = run.call(lambda step=step: _learning(step), allowed=[work], limit=600)
        if outcome.kind != "accepted":
            raise AssertionError(f"the store cannot be made: {outcome.why}\n{outcome.out}\n{outcome.err}")
        quick.learn((work / "learnt").read_bytes())
    for path in work.iterdir():
        if path.name in ("results", "frozen"):
            shutil.copytree(path, folder / path.name)
    if not clock:
        shutil.copy(work / "truth", folder)


def _learning(step: Callable[[], None]) -> None:
    """Does this, and leaves what was composed for it to those that come after: they compose the same."""
    step()
    Path("learnt").write_bytes(quick.learnt())


def _typed(arguments) -> str:
    """What this sweep prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        harness.typed(Line("runners.sweep", arguments))
    return printed.getvalue()


def _planned(arguments) -> list[dict]:
    """The runs that this sweep wants, as its plan has them."""
    from results.records.store import Store
    from runners.execution import launch

    kept: list[dict] = []
    as_plan, announce, write = launch.as_plan, launch.announce, Store.write_plan

    def seen(name, typed, states, common, written):
        kept.extend(state.planned.plan for state in states)
        return as_plan(name, typed, states, common, written)

    class Enough(SystemExit):
        pass

    def stop(*_):
        raise Enough

    launch.as_plan, launch.announce, Store.write_plan = seen, stop, lambda *_: None
    try:
        _typed(arguments)
    finally:
        launch.as_plan, launch.announce, Store.write_plan = as_plan, announce, write
    return kept


def _wanted() -> None:
    Path("wanted").write_bytes(pickle.dumps([_planned(arguments) for arguments in SWEEPS]))


def _records() -> None:
    """Every run's two parts, except of the one that is declined."""
    from results.records.store import Store

    store = Store("results")
    runs = {run["run"]: run for wanted in pickle.loads(Path("wanted").read_bytes()) for run in wanted}
    for run in runs.values():
        name = run["configuration"]["estimator"]["name"]
        if name == "ste":
            store.write_unsupported(
                run["run"], run["fingerprint"], "ste cannot be normalised by area: its area is inf."
            )
            continue
        made = records.make(
            tasks=("sign_fitting",), estimators=(name,), optimizers=("sgd",), seeds=SEEDS, rates=RATES, rows=4,
            normalizes=("area",), chance=len(name),
        )  # fmt: skip
        account, table = made.accounts[0], made.rows
        order = [(rate, seed) for rate in RATES for seed in range(SEEDS)]
        given = dict(zip(account["replicas"], order, strict=True))
        wanted = dict(zip(((rate, seed) for seed in range(SEEDS) for rate in RATES), run["replicas"], strict=True))
        ids = {old: wanted[values] for old, values in given.items()}
        table["replica"], table["run"] = table["replica"].map(ids).astype("string"), run["run"]
        table["run"] = table["run"].astype("string")
        for own in (run["replicas"][:1], run["replicas"][1:]):
            info = {
                **account,
                **{k: run[k] for k in ("run", "fingerprint", "sources", "configuration")},
                "replicas": own,
            }
            part = table[table["replica"].isin(own)].reset_index(drop=True)
            store.write(run["run"], run["fingerprint"], part, info)
        kept = store.folder(run["run"], run["fingerprint"]) / f"state-{'0' * 16}.npz"
        np.savez(kept, seconds_per_step=np.ones(2))


def _plans(clock: bool) -> None:
    """The plans, now that nothing is missing, as the sweeps write them; and before them, one of a fast clock."""
    import dataclasses

    from results import outputs
    from results.records.store import Store

    outputs.draw = lambda *_: []  # which comes later, and once
    for arguments in SWEEPS:
        _typed(arguments)
    store = Store("results")
    if clock:
        name = _names(store)[0]
        plan = store.plan(name)
        shutil.rmtree(Path("results/plans") / name)
        fewer = plan.runs[:1]
        store.write_plan(dataclasses.replace(plan, runs=fewer, written="2037-01-01T00:00:00.000000+00:00", declined=()))
        store.write_plan(plan)


def _names(store) -> list[str]:
    """The plans' names, that of the first sweep first."""
    return sorted(store.plans(), key=lambda name: -len(store.plan(name).runs))


def _draw() -> None:
    """What is drawn, frozen and loaded."""
    import results
    from results.records.store import Store
    from runners import figures

    store = Store("results")
    names = _names(store)
    assert figures.main(names[:1]) == 0
    for name in names:
        assert figures.main(["--freeze", name, "--frozen", "frozen"]) == 0
    loaded = {name: results.load("results", name) for name in names}
    from results.records import frozen

    truth = {
        "plans": names,
        "loaded": loaded,
        "whole": results.load("results"),
        "summary": Path(f"results/output/{names[0]}/summary.csv").read_bytes(),
        "frozen": {name: frozen.read(f"frozen/{name}.parquet")[0] for name in names},
        "planned": _counted(_typed([*SWEEPS[0], "plan=true"])),
    }
    shutil.rmtree("results/output")
    Path("truth").write_bytes(pickle.dumps(truth))


def _counted(printed: str) -> tuple[int, ...]:
    """(runs, replicas, done, missing) of what a plan prints, or nothing."""
    found = re.search(r"(\d+) runs?, (\d+) replicas?: (\d+) done, (\d+) missing", printed)
    return tuple(map(int, found.groups())) if found else ()


# What is done to it


class Spoiler:
    """Spoils a store in the current folder. `kind` says how, once it is done; `told` whether only a lie that bears a
    right seal could have come of it, so that nobody can know."""

    def __init__(self, seed: str):
        self.draw = random.Random(seed)
        self.kind, self.sealed = "", False

    KINDS = (
        *("bits", "bits", "cut", "emptied", "deleted", "longer", "swapped", "renamed", "copied", "folder", "fifo"),
        *("loop", "outward", "device", "json", "json", "json", "sealed", "sealed", "sealed", "text", "odd_name"),
        *("output", "planted", "folder_renamed", "folder_deleted", "root", "age", "frozen", "frozen", "clock"),
    )

    def spoil(self, kind: str) -> None:
        """One thing of this kind, and now and then another one."""
        getattr(self, f"_{kind}")()
        self.kind = kind

    def _files(self, pattern: str = "*", root: str = "results") -> list[Path]:
        return sorted(path for path in Path(root).rglob(pattern) if path.is_file() and not path.is_symlink())

    def _file(self, pattern: str = "*", root: str = "results") -> Path:
        return self.draw.choice(self._files(pattern, root))

    def _bits(self):
        for _ in range(self.draw.choice([1, 1, 3])):
            self._flip(self._file())

    def _flip(self, path):
        content = bytearray(path.read_bytes())
        if content:
            at = self.draw.randrange(len(content))
            content[at] ^= 1 << self.draw.randrange(8)
            path.write_bytes(content)

    def _cut(self):
        path = self._file()
        path.write_bytes(path.read_bytes()[: self.draw.randrange(path.stat().st_size + 1)])

    def _emptied(self):
        self._file().write_bytes(b"")

    def _deleted(self):
        self._file().unlink()

    def _longer(self):
        with self._file().open("ab") as file:
            file.write(self.draw.choice([b"\0", b"{}", b"\n", b"PAR1", os.urandom(0) + b"x" * 1000]))

    def _swapped(self):
        pattern = self.draw.choice(["run-*.json", "record-*.parquet", "*.json", "*"])
        one, two = self.draw.sample(self._files(pattern), 2)
        held = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(held)

    def _renamed(self):
        path = self._file()
        path.rename(path.with_name(self.draw.choice([f"run-{path.name}", f"x{path.name}", "run-.json", *NAMES])))

    def _copied(self):
        one, two = self._file("*.json"), self._file("*.json")
        (two.parent / self.draw.choice([f"run-{'0' * 16}.json", one.name, "9" + one.name])).write_bytes(
            one.read_bytes()
        )

    def _folder(self):
        path = self._file()
        path.unlink()
        path.mkdir()

    def _fifo(self):
        path = self._file()
        if self.draw.random() < 0.5:
            path.unlink()
        else:
            path = path.with_name(self.draw.choice([f"run-{'1' * 16}.json", "declined.json", "0.json"]))
            path.unlink(missing_ok=True)
        os.mkfifo(path)

    def _link(self, to: str):
        path = self._file()
        path.unlink()
        path.symlink_to(to)

    def _loop(self):
        path = self._file()
        self._link(path.name) if self.draw.random() < 0.3 else None
        if not path.is_symlink():
            path.unlink(missing_ok=True)
            path.symlink_to(path.name)

    def _outward(self):
        if self.draw.random() < 0.5:
            return self._link(os.path.abspath(self.draw.choice(["keep.txt", "keep", "nowhere"])))
        folder = self.draw.choice([path for path in Path("results").rglob("*") if path.is_dir()])
        shutil.move(folder, "moved")
        return folder.symlink_to(os.path.abspath("moved"))

    def _device(self):
        self._link(self.draw.choice(["/dev/null", "/dev/zero", "/dev/full"]))

    def _json(self):
        path = self._file("*.json")
        content = json.loads(path.read_bytes())
        path.write_text(json.dumps(self._changed(content)), encoding="utf-8")

    def _sealed(self):
        """A change by somebody who knows how to seal it."""
        self.sealed = True
        path = self._file("*.json")
        path.write_bytes(self._resealed(self._changed(json.loads(path.read_bytes()))))

    @staticmethod
    def _resealed(content) -> bytes:
        from results.records import sealed

        with contextlib.suppress(TypeError, ValueError, AttributeError):  # what cannot be sealed stays as it is
            return sealed.text(content)
        return json.dumps(content).encode()

    def _changed(self, content):
        if self.draw.random() < 0.15:
            return self.draw.choice(ODD)
        for _ in range(self.draw.choice([1, 1, 2])):
            at = content
            while True:
                keys = list(at) if isinstance(at, dict) else list(range(len(at)))
                if not keys:
                    break
                key = self.draw.choice(keys)
                if isinstance(at[key], (dict, list)) and at[key] and self.draw.random() < 0.6:
                    at = at[key]
                    continue
                what = self.draw.choice(["set", "set", "delete", "twice"])
                if what == "delete":
                    del at[key]
                elif what == "twice" and isinstance(at, list):
                    at.append(at[key])
                elif what == "twice":
                    at[self.draw.choice(["x", "../x", "[red]", "\ud800"])] = at[key]
                else:
                    at[key] = self.draw.choice(ODD)
                break
        return content

    def _text(self):
        words = [
            b"[" * 100_000,
            b"null",
            b"[]",
            b"{}",
            b"1",
            b"\xff\xfe",
            b'{"a":1}{"b":2}',
            b"NaN",
            b'"' + b"x" * 10**6,
        ]
        words += [b'{"name": "x", "runs": []}', b'{"schema": 2}', b'{"reason": "[red]because\\n"}', b"9" * 5000]
        self._file("*.json").write_bytes(self.draw.choice(words))

    def _odd_name(self):
        where = self.draw.choice(["plans", "runs", "plans/x", "runs/x"])
        source = self.draw.choice([p for p in Path("results", where.split("/")[0]).iterdir() if p.is_dir()])
        place = Path("results", where, self.draw.choice(NAMES))
        what = self.draw.choice(["copy", "empty", "file", "move"])
        place.parent.mkdir(exist_ok=True)
        if what == "copy":
            shutil.copytree(source, place)
        elif what == "empty":
            place.mkdir()
        elif what == "file":
            place.write_text("x", encoding="utf-8")
        else:
            source.rename(place)
            self.sealed = True  # a run or a plan that is no longer where it was is gone

    def _output(self):
        """No figure can be written where they go."""
        place = Path("results/output")
        what = self.draw.choice(["file", "fifo", "loop", "outward", "plan", "sealed"])
        if what == "file":
            place.write_text("x", encoding="utf-8")
        elif what == "fifo":
            os.mkfifo(place)
        elif what == "loop":
            place.symlink_to("output")
        elif what == "outward":
            place.symlink_to(os.path.abspath("keep"))
        elif what == "plan":
            place.mkdir()
            for plan in Path("results/plans").iterdir():
                (place / plan.name).write_text("x", encoding="utf-8")
        else:
            place.mkdir(mode=0o500)

    def _planted(self):
        """A reason against a run that is recorded."""
        folder = self._file("record-*.parquet").parent
        reason = self.draw.choice(["it never was", "[red]", "", 1, None, ["x"], "a\nb"])
        (folder / "declined.json").write_text(json.dumps({"reason": reason}), encoding="utf-8")

    def _folder_renamed(self):
        folder = self.draw.choice([path for path in Path("results").rglob("*") if path.is_dir()])
        folder.rename(folder.with_name(self.draw.choice(NAMES)))

    def _folder_deleted(self):
        shutil.rmtree(self.draw.choice([path for path in Path("results").rglob("*") if path.is_dir()]))

    def _root(self):
        shutil.move("results", "moved")
        place, what = Path("results"), self.draw.choice(["file", "fifo", "loop", "nowhere", "linked", "empty", "null"])
        if what == "file":
            place.write_text("x", encoding="utf-8")
        elif what == "fifo":
            os.mkfifo(place)
        elif what == "empty":
            place.mkdir()
        elif what != "nowhere":
            place.symlink_to({"loop": "results", "linked": "moved", "null": "/dev/null"}[what])

    def _age(self):
        when = self.draw.choice([0, 2_114_380_800, 4_000_000_000])
        for path in Path("results").rglob("*"):
            os.utime(path, (when, when))

    def _frozen(self):
        path = self._file("*", "frozen") if self.draw.random() < 0.3 else self._file("*.parquet", "frozen")
        what = self.draw.choice(
            ["bit", "bit", "bit", "cut", "empty", "fifo", "swap", "folder", "gone", "loop", "about"]
        )
        if what == "bit":
            self._flip(path)
        elif what == "cut":
            path.write_bytes(path.read_bytes()[: self.draw.randrange(path.stat().st_size)])
        elif what == "empty":
            path.write_bytes(b"")
        elif what == "swap":
            one, two = self._files("*.parquet", "frozen")[:2]
            held = one.read_bytes()
            one.write_bytes(two.read_bytes())
            two.write_bytes(held)
        elif what == "about":
            self._about(self._file("*.parquet", "frozen"))
        else:
            path.unlink()
            if what == "fifo":
                os.mkfifo(path)
            elif what == "folder":
                path.mkdir()
            elif what == "loop":
                path.symlink_to(path.name)

    def _about(self, path):
        """Another account in a frozen table."""
        import zlib

        from pyarrow import parquet

        from results.records import frozen

        arrow = parquet.read_table(path, use_threads=False)
        held = dict(arrow.schema.metadata)
        about = self._changed(json.loads(zlib.decompress(held[frozen.KEY])))
        self.sealed = self.draw.random() < 0.5
        text = self._resealed(about) if self.sealed else json.dumps(about).encode()
        held[frozen.KEY] = zlib.compress(text)
        parquet.write_table(arrow.replace_schema_metadata(held), path)

    def _clock(self):
        """Nothing more: the case starts from the store with a plan of a fast clock."""


# What is read of it


def prepare(run: Harness, folder: Path) -> None:
    """Makes the stores that cases start from, in this folder, and has composed what all of them plan."""
    plain, fast = folder / "plain", folder / "fast"
    for place in (plain, fast):
        place.mkdir(parents=True)
        make(place, run, clock=place == fast)


def kinds(count: int, seed: int) -> Iterator[tuple[str, str]]:
    """(what is done, the seed of how) for that many cases: each kind in turn."""
    draw, turn = random.Random(seed), []
    for number in range(count):
        if not turn:
            turn = list(Spoiler.KINDS)
            draw.shuffle(turn)
        yield turn.pop(), f"{seed}/{number}"


def _beside(ground: Path) -> None:
    (ground / "work" / "keep").mkdir()
    (ground / "work" / "keep" / "this").write_text("keep me", encoding="utf-8")
    (ground / "work" / "keep.txt").write_text("keep me", encoding="utf-8")


def spoilt(base: Path, kind: str, seed: str) -> tuple[Callable[[Path], None], Spoiler]:
    """A function that lays out this case's ground, and the spoiler, which knows of it once that was called."""
    spoiler = Spoiler(seed)

    def lay_out(ground: Path) -> None:
        _beside(ground)
        work = ground / "work"
        for path in base.iterdir():
            if path.is_dir():
                shutil.copytree(path, work / path.name)
        spoiler.draw.seed(seed)
        before = os.getcwd()
        os.chdir(work)
        try:
            spoiler.spoil(kind)
        finally:
            os.chdir(before)

    return lay_out, spoiler


def case(run: Harness, folder: Path, kind: str, seed: str) -> list[tuple[str, Outcome]]:
    """What becomes of two readings of a spoilt store: by `results.load`, and by a command, each in its turn."""
    lay_out, spoiler = spoilt(folder / ("fast" if kind == "clock" else "plain"), kind, seed)
    run.lay_out(lay_out)
    truth = pickle.loads((folder / "plain" / "truth").read_bytes())
    plans, number = truth["plans"], int(seed.rpartition("/")[2])
    said = [("results.load", run.call(lambda: loaded(truth, spoiler.sealed)))]
    if kind == "frozen":  # and nothing of the store
        said = [("frozen.read", run.call(lambda: _thawed(truth, spoiler.sealed)))]
        lines = [
            Line("runners.report", [plans[1], "--frozen", "frozen", "--output", "out/r.html"], allowed=["out"])
            if number % 2
            else Line("runners.figures", ["--verify", "--frozen", "frozen"])
        ]
    elif number % 8 == 0:
        lines = [Line("runners.report", [plans[1], "--output", "out/r.html"], allowed=["out"])]
    elif number % 2:
        lines = [Line("runners.sweep", [*SWEEPS[0], "plan=true"])]
    else:
        lines = [Line("runners.figures", plans[:1], allowed=["results/output"])]
    for line in lines:
        drawn = run.ground / "work" / "results" / "output" / plans[0] / "summary.csv"
        held: list[bytes] = []
        outcome = run.line(line, before_restoring=lambda drawn=drawn, held=held: _take(drawn, held))
        fault = _untold(line, outcome, held, truth) if outcome.kind == "accepted" and not spoiler.sealed else ""
        said.append((str(line), Outcome(LOST, fault) if fault else outcome))
    return said


def _untold(line: Line, outcome: Outcome, drawn: list[bytes], truth: dict) -> str:
    """What an answer that was accepted leaves out without a word, or ""."""
    if line.command == "runners.figures" and "--verify" not in line.arguments:
        told = drawn == [truth["summary"]] or "INCOMPLETE" in outcome.out
        return "" if told else "another summary than that of the whole table"
    if line.command == "runners.sweep" and "damaged" not in outcome.out + outcome.err:
        runs, replicas, done, missing = _counted(outcome.out) or (0, 0, 0, 0)
        if (runs, replicas) != truth["planned"][:2] or done + missing < sum(truth["planned"][2:]):
            return f"the plan says {runs} runs, {replicas} replicas, {done} done, {missing} missing"
    return ""


def _take(path: Path, held: list[bytes]) -> None:
    with contextlib.suppress(OSError):
        held.append(path.read_bytes())


def worst(said: list[tuple[str, Outcome]]) -> tuple[str, Outcome]:
    """Of what became of a store, what is worst."""
    return max(said, key=lambda one: KINDS.index(one[1].kind))


def loaded(truth: dict, sealed: bool) -> None:
    """`results.load` of every plan, held against what was written. Ends as a command would."""
    import sys

    import results

    told = []
    for name in [*truth["plans"], None]:
        try:
            got = results.load("results", name)
        except (RecordError, StoreError) as error:
            told.append(str(error))
            continue
        if sealed:
            continue
        whole = truth["loaded"][name] if name else truth["whole"]
        fault = _differs(got, whole, strict=name is not None)
        if not fault and got.plan != whole.plan:
            fault = "what the plan declared is something else"
        if fault:
            print(f"LOST {name}: {fault}")
            sys.exit(LOSS)
    if told:
        sys.exit("steeplechase: " + " / ".join(told).replace("\n", "\\n")[:1500])


def _thawed(truth: dict, sealed: bool) -> None:
    import sys

    from results.records import frozen

    told = []
    for name, whole in truth["frozen"].items():
        try:
            got, _ = frozen.read(f"frozen/{name}.parquet")
        except (RecordError, StoreError) as error:
            told.append(str(error))
            continue
        if sealed:
            continue
        fault = _differs(got, whole, strict=True)
        if fault:
            print(f"LOST {name}: {fault}")
            sys.exit(LOSS)
    if told:
        sys.exit("steeplechase: " + " / ".join(told).replace("\n", "\\n")[:1500])


def _differs(got, whole, strict: bool) -> str:
    """What is silently wrong with results beside those that were written, or "". strict: whether what is absent must be
    counted as missing."""
    key = ["replica", "step"]
    if strict:
        absent = set(whole.rows["replica"]) - set(got.rows["replica"])
        if len(absent) > sum(got.missing.values()):
            return f"{len(absent)} replicas are absent, and {got.missing} are said to be missing"
    if not len(got.rows):
        return ""
    own = whole.rows[whole.rows["replica"].isin(set(got.rows["replica"]))]
    one, two = (t.sort_values(key).reset_index(drop=True)[sorted(t.columns)] for t in (got.rows, own))
    return "" if one.equals(two) else "rows that were not written, or other values"
