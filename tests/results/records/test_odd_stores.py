"""Stores as accidents, other people and other versions leave them: every command that reads one ends, and says what is
wrong in one sentence; nothing is believed that was not written there, and nothing outside is touched."""

import contextlib
import hashlib
import json
import os
import re
import signal
from types import SimpleNamespace

import pytest

from results import load
from results.records import sealed
from results.records.store import Store
from results.report import sections
from runners import figures, report
from runners.execution.launch import plan_and_launch
from runners.execution.outcome import Outcome
from runners.planning.identity import identify
from steeplechase.errors import RecordError, StoreError, UserError
from tests.helpers.configurations import BASE, changed
from tests.oracles.records import make

WANTED = identify(changed(steps=100, record_points=1))
OTHER = "0123456789abcdef"


def part(wanted=WANTED, **more):
    """A made-up part of this run: (run, fingerprint, table, account)."""
    made = make(tasks=("sign_fitting",), estimators=("tanh_slope",), seeds=2, rates=(0.1,), rows=2)
    ids = dict(zip(sorted(made.rows["replica"].unique()), wanted.ids, strict=True))
    [account] = made.accounts
    own = {"run": wanted.name, "fingerprint": wanted.fingerprint, "sources": wanted.covers, "replicas": [*wanted.ids]}
    table = made.rows.assign(run=wanted.name, replica=made.rows["replica"].map(ids).astype("string"))
    return wanted.name, wanted.fingerprint, table, {**account, **own, **more}


class World:
    """A store in which one sweep is finished, and its parts."""

    def __init__(self, root):
        self.root, self.store = root, Store(root / "store")
        self.sweep()
        self.folder, self.plans = self.store.folder(*part()[:2]), self.store.root / "plans" / "none"
        (self.account,), (self.table,) = self.folder.glob("run-*.json"), self.folder.glob("record-*.parquet")
        self.plan = self.plans / "plan-000001.json"
        self.next = self.plans / "plan-000002.json"
        self.declined = self.folder / "declined.json"
        self.output = self.store.root / "output" / "none"
        self.output.mkdir(parents=True)

    def sweep(self, **changes):
        """The command, with training replaced by what it would have recorded."""

        def launch(states, places):
            self.store.write(*part())
            return [SimpleNamespace(return_value=Outcome(WANTED.name, WANTED.run.names, 2, trained=2)) for _ in states]

        own = {"store": str(self.store.root), "steps": 100, "record_points": 1, **changes}
        plan_and_launch([["task=sign_fitting"]], lambda _: json.loads(json.dumps(BASE | own)), launch, "none", [])

    def say(self, path, change):
        """Writes what a sealed file says anew, with a right seal."""
        content = json.loads(path.read_bytes())
        content |= change(content)
        path.write_bytes(sealed.text({k: v for k, v in content.items() if v is not None}))

    def follow(self, **changes):
        """A plan after the first one, sealed."""
        content = {**json.loads(self.plan.read_bytes()), "number": 2, **changes}
        self.next.write_bytes(sealed.text(content))

    def others(self):
        """What lies beside the store."""
        return sorted(str(path) for path in self.root.rglob("*") if not path.is_relative_to(self.store.root))


@pytest.fixture
def world(tmp_path, capsys):
    (tmp_path / "home").mkdir()
    made = World(tmp_path / "home")
    capsys.readouterr()
    return made


def folder(path):
    path.unlink(missing_ok=True)
    path.mkdir()


def pipe(path):
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def loop(path):
    path.unlink(missing_ok=True)
    path.symlink_to(path)


def huge(path):
    with open(path, "wb") as file:
        file.truncate(2**40)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def entry(world, **changes):
    """The runs of the first plan, with these changes in its only one."""
    [own] = json.loads(world.plan.read_bytes())["runs"]
    return [{**own, **changes}]


def garbage(world):
    """A table that is none, with the right SHA-256."""
    digest = hashlib.sha256(b"garbage").hexdigest()
    (world.folder / f"record-{digest[:16]}.parquet").write_bytes(b"garbage")
    world.say(world.account, lambda _: {"table": f"record-{digest[:16]}.parquet", "sha256": digest})


# What is done to a store; the words that a reader says of it ("" where it is none of its business); and whether the
# same sweep mends it.
ODD = {
    "a plan that is a list": (lambda w: w.next.write_text("[1, 2]", encoding="utf-8"), "carries no seal", True),
    "an empty plan": (lambda w: w.next.write_bytes(b""), "was damaged", True),
    "a plan that is no text": (lambda w: w.next.write_bytes(b"\xff\xfe\x00"), "was damaged", True),
    "a plan that is deep": (
        lambda w: w.next.write_text("[" * 10**5 + "]" * 10**5, encoding="utf-8"),
        "was damaged",
        True,
    ),
    "a plan that is huge": (lambda w: huge(w.next), "bytes, and the store writes none above", True),
    "a plan that is a folder": (lambda w: folder(w.next), "", True),
    "a plan that is a pipe": (lambda w: pipe(w.next), "is no file", True),
    "a plan that is a link to itself": (lambda w: loop(w.next), "cannot be read", True),
    "a plan with a flipped bit": (lambda w: flip(w.plan), "it is not what was written|was damaged", True),
    "a plan of another name": (lambda w: w.follow(name="other"), "is the plan 'other'", True),
    "a plan that leads out of the store": (lambda w: w.follow(name="../../x"), r"is the plan '\.\./\.\./x'", True),
    "a plan of another number": (lambda w: w.follow(number=7), "number 7", True),
    "a plan without runs": (lambda w: w.follow(runs=None), "something else as its runs", True),
    "a plan of odd runs": (lambda w: w.follow(runs=[1]), "something else as its runs", True),
    "a plan of runs without names": (lambda w: w.follow(runs=[{}]), "something else as its runs.run", True),
    "a plan with an odd margin": (lambda w: w.follow(margins={"a": "b"}), "something else as its margins", True),
    "a plan with an odd look": (lambda w: w.follow(looks={"ste": "red"}), "something else as its looks", True),
    "a plan of an older version": (
        lambda w: w.plan.rename(w.plans / "2026-01-01.json").write_text("{}", encoding="utf-8"),
        "carry no seal",
        True,
    ),
    "a plan of a newer version": (lambda w: w.follow(schema=2), "version 2, .*version 1", True),
    "a plan with an unknown figure": (lambda w: w.follow(figures=["mine"]), "there is no figure 'mine'|mine", True),
    "a plan with an unknown table": (lambda w: w.follow(tables=["mine"]), "no.* of this name", True),
    "a run that leads out of the store": (
        lambda w: w.follow(runs=entry(w, run="../../x")),
        r"'\.\./\.\./x' cannot be the name of a run",
        True,
    ),
    "a run with markup in its name": (
        lambda w: w.follow(runs=entry(w, run="[/red]x")),
        "cannot be the name of a run",
        True,
    ),
    "a run that says nothing": (lambda w: w.follow(runs=entry(w, configuration={})), "name of a task|cannot", True),
    "an account without its end": (lambda w: w.say(w.account, lambda a: {"ended": None}), "its ended is None", True),
    "an account without labels": (lambda w: w.say(w.account, lambda a: {"labels": None}), "its labels", True),
    "an account that is a list": (lambda w: w.account.write_text("[]", encoding="utf-8"), "carries no seal", True),
    "an account that is empty": (lambda w: w.account.write_text("", encoding="utf-8"), "was damaged", True),
    "an account with a flipped bit": (lambda w: flip(w.account), "was damaged", True),
    "an account that is huge": (lambda w: huge(w.account), "bytes, and the store writes none above", False),
    "an account that is a pipe": (lambda w: pipe(w.account), "is no file", False),
    "an account that is a link to itself": (lambda w: loop(w.account), "cannot be read", False),
    "an account of another run": (lambda w: w.say(w.account, lambda a: {"run": "x"}), "another run .'x'", True),
    "an account of other code": (
        lambda w: w.say(w.account, lambda a: {"fingerprint": OTHER}),
        f"another fingerprint .'{OTHER}'",
        True,
    ),
    "an account of other sources": (
        lambda w: w.say(w.account, lambda a: {"sources": {"x.py": "1"}}),
        "by other sources",
        True,
    ),
    "an account of a newer version": (
        lambda w: w.say(w.account, lambda a: {"schema": 2}),
        "version 2, .*version 1",
        False,
    ),
    "a table outside its folder": (
        lambda w: w.say(w.account, lambda a: {"table": f"../{OTHER}/{a['table']}"}),
        "names a table that is not in its folder",
        True,
    ),
    "a table that is a folder": (lambda w: folder(w.table), "is no file", False),
    "a table that is a pipe": (lambda w: pipe(w.table), "is no file", False),
    "a table that is gone": (lambda w: w.table.unlink(), "is not there", True),
    "a table with a flipped bit": (lambda w: flip(w.table), "is not the table that was written", True),
    "a table that is none": (garbage, "has no rows to read", False),
    "a table without one of the replicas": (
        lambda w: w.say(w.account, lambda a: {"replicas": [*a["replicas"], "x"]}),
        "",
        True,
    ),
    "a declined.json that is a folder": (lambda w: folder(w.declined), "", False),
    "a declined.json that is a pipe": (lambda w: pipe(w.declined), "", False),
    "a declined.json without a seal": (
        lambda w: w.declined.write_text('{"reason": "never"}', encoding="utf-8"),
        "",
        True,
    ),
    "a declined.json of another run": (
        lambda w: w.declined.write_bytes(
            sealed.text({"schema": 1, "run": "x", "fingerprint": WANTED.fingerprint, "reason": "never"})
        ),
        "",
        True,
    ),
    "a plan with markup in its name": (lambda w: (w.plans.parent / "[red]x[").mkdir(), "cannot be the name", True),
    "a folder of no plans": (lambda w: (w.plans.parent / "empty").mkdir(), "there is no plan 'empty'", True),
    "plans that are a file": (
        lambda w: (
            w.plans.rename(w.root / "moved"),
            w.plans.parent.rmdir(),
            w.plans.parent.write_text("", encoding="utf-8"),
        ),
        "",
        False,
    ),
    "runs that are a file": (
        lambda w: (
            (w.store.root / "runs").rename(w.root / "moved"),
            (w.store.root / "runs").write_text("", encoding="utf-8"),
        ),
        "",
        False,
    ),
    "a pipe where a figure goes": (
        lambda w: (w.follow(tables=["summary"]), pipe(w.output / "summary.csv")),
        "summary.csv is no file",
        True,
    ),
    "output that is a file": (
        lambda w: (w.follow(figures=["throughput"]), w.output.rmdir(), w.output.write_text("", encoding="utf-8")),
        "none cannot be written: a file lies where a folder is needed",
        True,
    ),
}


@contextlib.contextmanager
def within(seconds):
    """Raises TimeoutError in this process where it takes longer."""

    def late(*_):
        raise TimeoutError("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def readers(world):
    """Each way to read a store: its name, and what does it; a number is an exit code."""
    place = str(world.store.root)
    return {
        "figures": lambda: figures.main(["--store", place]),
        "report": lambda: report.main(["--store", place]),
        "plan": lambda: world.sweep(plan=True),
        "load": lambda: load(place),
    }


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_store_is_told_in_sentences(world, odd, capsys, monkeypatch):
    monkeypatch.setattr(sections, "make_parts", lambda one, jobs: [_alone(one, job) for job in jobs])
    monkeypatch.setattr(sections, "figures_of", lambda one: list(one.figures))
    spoil, words, mended = ODD[odd]
    spoil(world)
    before, said = world.others(), ""
    for name, read in readers(world).items():
        with within(20):
            code = 0
            try:
                code = read()
            except (UserError, StoreError, RecordError) as error:
                said += f"steeplechase: {error}\n"
                assert "\n" not in str(error)
            except SystemExit as error:
                code = error.code
            assert not isinstance(code, int) or code in (0, 1, 2), name
        out, err = capsys.readouterr()
        said += err
        lines = [line for line in err.splitlines() if not line.endswith("tables and figures")]
        assert all(line.startswith("steeplechase: ") for line in lines), (name, err)
        assert "Traceback" not in out + err
    assert re.search(words, said), said
    with within(20):
        try:
            world.sweep()
            whole = True
        except (UserError, StoreError) as error:
            whole, said = False, str(error)
        except SystemExit as error:
            assert error.code in (1, 2)
            whole = False
    assert whole is mended, (said, capsys.readouterr())
    if mended:
        assert load(world.store, "none").rows["replica"].nunique() == 2
    moved = {path for path in before if "moved" in path}
    assert set(world.others()) - moved == set(before) - moved, "nothing outside the store was made or went away"


def _alone(one, job):
    sections.REPORTED[:] = [one]
    return sections.make_part(job)
