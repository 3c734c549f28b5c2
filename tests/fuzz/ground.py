"""The ground that command lines are typed in: files of every kind that a user might name, hostile ones among them."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import yaml

from runners.configuration.schema import CONF
from tests.fuzz.watch import BAIT, CANARY

PAGE = '''\
import tensorflow as tf
from steeplechase import surrogate


@surrogate(label="Mine", source="nobody", area=2, peak=1)
def {name}(x, *, {parameters}):
    """Replaces 2 δ(x)  With 1  Needs x: any shape."""
    return tf.ones_like(x)
'''
PAGES = {
    "mine.py": PAGE.format(name="mine", parameters="width=1.0"),
    "größe [red].py": PAGE.format(name="größe", parameters="width=1.0"),
    "a=b.py": PAGE.format(name="a_b", parameters="width=1.0"),
    "no_page.py": "x = 1\n",
    "two.py": PAGE.format(name="one", parameters="a=1.0") + PAGE.format(name="two", parameters="a=1.0"),
    "taken.py": PAGE.format(name="ste", parameters="a=1.0"),
    "null.py": PAGE.format(name="null", parameters="a=1.0"),
    "no_default.py": PAGE.format(name="no_default", parameters="a"),
    "nan.py": PAGE.format(name="has_nan", parameters='a=float("nan")'),
    "list.py": PAGE.format(name="has_list", parameters="a=[1]"),
    "name.py": PAGE.format(name="has_name", parameters="name=1.0"),
    "no_import.py": "\n".join(PAGE.format(name="no_import", parameters="a=1.0").splitlines()[3:]),
    "missing.py": "import nowhere_to_be_found\n" + PAGE.format(name="missing", parameters="a=1.0"),
    "canary_import.py": f"import {CANARY}\n" + PAGE.format(name="with_canary", parameters="a=1.0"),
    "relative.py": "from . import neighbour\n" + PAGE.format(name="relative", parameters="a=1.0"),
    "syntax.py": "def f(:\n",
    "deep.py": "x = " + "(" * 3000 + ")" * 3000 + "\n",
    "latin.py": "# größe\n".encode("latin-1"),
    "nul.py": b"x = 1\0\n",
    "empty.py": "",
    "long.py": PAGE.format(name="n" * 3000, parameters="a=1.0"),
    "raises.py": 'raise RuntimeError("[red]no[/red]")\n' + PAGE.format(name="raises", parameters="a=1.0"),
}
MINE = 9  # folders like conf/
# Places under hydra where Hydra, or Python's logging, calls what it is told, and some where it only reads.
PLACES = (
    "callbacks.x._target_",
    "callbacks.x.a.b._target_",
    "launcher._target_",
    "sweeper._target_",
    "sweeper.params._target_",
    "job_logging.handlers.x.()",
    "job_logging.handlers.x.class",
    "job_logging.formatters.x.()",
    "job_logging.formatters.x._target_",
    "hydra_logging.handlers.x.()",
    "hydra_logging.handlers.console.class",
    "hydra_logging.root._target_",
    "help._target_",
    "hydra_help._target_",
    "run._target_",
    "sweep._target_",
    "job._target_",
    "job.config._target_",
    "job.config.override_dirname._target_",
    "job.env_set.PYTHONSTARTUP",
    "job.env_set._target_",
    "runtime._target_",
    "overrides._target_",
    "env._target_",
    "_target_",
    "x._target_",
)
TARGETS = (
    (f"{CANARY}.call", {}),
    (f"{CANARY}.Thing", {}),
    ("joblib.load", {"filename": f"{BAIT}.pkl"}),
    ("pandas.read_pickle", {"filepath_or_buffer": f"{BAIT}.pkl"}),
    ("numpy.load", {"file": f"{BAIT}.npy", "allow_pickle": True}),
    ("os.system", {"command": f"touch {BAIT}-ran"}),
    ("os.remove", {"path": "keep.txt"}),
    ("subprocess.Popen", {"args": ["touch", f"{BAIT}-ran"]}),
    ("shutil.rmtree", {"path": "keep"}),
    ("runpy.run_path", {"path_name": f"{CANARY}.py"}),
    ("importlib.import_module", {"name": CANARY}),
    ("builtins.eval", {"_args_": [f"__import__('{CANARY}')"]}),
    ("builtins.exec", {"_args_": [f"import {CANARY}"]}),
    ("hydra.utils.instantiate", {"config": {"_target_": f"{CANARY}.call"}}),
    ("logging.config.fileConfig", {"fname": f"{BAIT}.ini"}),
)


class Pickled:
    """What runs a program when it is unpickled."""

    def __reduce__(self):
        return __import__("os").system, (f"touch {BAIT}-ran",)


def hostile() -> dict[str, str]:
    """Experiments that would have code run, or do not belong: their names, and their YAML."""
    found = {}
    for i, place in enumerate(PLACES):
        for j in range(3):
            target, more = TARGETS[(3 * i + j) % len(TARGETS)]
            *outer, last = place.split(".")
            inner: dict = {last: target, **(more if last == "_target_" else {})}
            for name in reversed(outer):
                inner = {name: inner}
            found[f"h{i}_{j}"] = "# @package _global_\n" + yaml.safe_dump({"hydra": inner})
    for name, text in {
        "odd_list": "- 1\n- 2\n",
        "odd_text": "just words\n",
        "odd_empty": "",
        "odd_syntax": "a: [1\nb: }",
        "odd_tag": "a: !!python/object/apply:os.system ['true']\n",
        "odd_bomb": "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b]\n",
        "odd_key": "1: 2\nnull: 3\n? [1, 2]\n: 4\n",
        "odd_nan": "# @package _global_\nsteps: .nan\noptimizer:\n  learning_rate: .inf\n",
        "odd_package": "# @package hydra.callbacks.x\n_target_: canary.call\n",
        "odd_defaults": "# @package _global_\ndefaults:\n  - override hydra/launcher: joblib\n  - /nowhere\n",
        "odd_loop": "# @package _global_\ndefaults:\n  - odd_loop\n",
        "odd_file": "# @package _global_\nestimator:\n  file: pages/canary_import.py\n",
        "odd_unknown": "# @package _global_\nstpes: 3\n",
        "odd_types": "# @package _global_\nsteps: [1]\nfigures: {a: 1}\nmargins: [1]\nestimator: ste\n",
        "odd_interpolation": "# @package _global_\nsteps: ${oc.env:HOME}\nrows: ${nowhere}\n",
        "odd_searchpath": "# @package _global_\nhydra:\n  searchpath: [pkg://canary]\n",
        "odd_params": "# @package _global_\nhydra:\n  sweeper:\n    params:\n      estimator: 7\n      seed: {a: 1}\n",
        "odd_width": "# @package _global_\nlabel: '[red]" + "w" * 3000 + "'\n",
        "fine": "# @package _global_\nsteps: 20\nhydra:\n  sweeper:\n    params:\n      seed: range(2)\n",
    }.items():
        found[name] = text
    return found


HOSTILE = tuple(hostile())


def lay_out(ground: Path) -> None:
    """Fills the ground's folder `work`, from which commands are started."""
    work = ground / "work"
    (work / "canary.py").write_text("def call(*a, **k):\n    pass\n\n\nclass Thing:\n    pass\n", encoding="utf-8")
    (work / f"{BAIT}.pkl").write_bytes(pickle.dumps(Pickled()))
    (work / f"{BAIT}.npy").write_bytes(b"\x93NUMPY\x01\x00")
    (work / f"{BAIT}.ini").write_text("[loggers]\nkeys=root\n", encoding="utf-8")
    (work / "keep.txt").write_text("keep me\n", encoding="utf-8")
    (work / "keep").mkdir()
    (work / "keep" / "this").write_text("too\n", encoding="utf-8")
    pages = work / "pages"
    pages.mkdir()
    for name, content in PAGES.items():
        (pages / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (pages / "folder.py").mkdir()
    os.mkfifo(pages / "fifo.py")
    (pages / "loop.py").symlink_to("loop.py")
    (pages / "broken.py").symlink_to("nowhere.py")
    (pages / "zero.py").symlink_to("/dev/zero")
    folder = work / "hostile" / "experiment"
    folder.mkdir(parents=True)
    for name, text in hostile().items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    (folder / "latin.yaml").write_bytes("# größe\nlabel: ü\n".encode("latin-1"))
    os.mkfifo(folder / "fifo.yaml")
    _configurations(work)
    (folder.parent / "config.yaml").write_text(
        "hydra:\n  callbacks:\n    x:\n      _target_: canary.call\n", encoding="utf-8"
    )
    (folder.parent / "estimator").mkdir()
    (folder.parent / "estimator" / "ste.yaml").write_text("name: ste\nfile: pages/canary_import.py\n", encoding="utf-8")
    _data(work / "data")
    places = work / "places"
    places.mkdir()
    (places / "file").write_text("no folder\n", encoding="utf-8")
    os.mkfifo(places / "fifo")
    (places / "loop").symlink_to("loop")
    (places / "out").symlink_to("../..")
    (places / "sealed").mkdir(mode=0o500)
    _own(work.parent)


def _configurations(work: Path) -> None:
    """Folders like conf/, with hostile experiments under the names that conf/ has."""
    names = [path.stem for path in sorted((CONF / "experiment").glob("*.yaml"))]
    variants = list(hostile().values())
    for number in range(MINE):
        folder = work / f"mine{number}"
        (folder / "experiment").mkdir(parents=True)
        for path in CONF.iterdir():
            if path.name != "experiment":
                (folder / path.name).symlink_to(path)
        for at, name in enumerate(names):
            text = variants[(number + at * MINE) % len(variants)]
            (folder / "experiment" / f"{name}.yaml").write_text(text, encoding="utf-8")


def _own(ground: Path) -> None:
    """Folders with a user's own modules, of the names that the project's have."""
    for name in ("tasks", "results", "estimators"):  # of `runners` Python itself says that it is another
        (ground / f"own_{name}").mkdir()
    (ground / "own_tasks" / "tasks.py").write_text("book = {}\n", encoding="utf-8")
    (ground / "own_estimators" / "estimators.py").write_text("raise ValueError('mine')\n", encoding="utf-8")
    (ground / "own_results" / "results").mkdir()
    (ground / "own_results" / "results" / "mine.csv").write_text("1\n", encoding="utf-8")


def _data(folder: Path) -> None:
    """Data files, good and odd."""
    folder.mkdir()
    draw = np.random.default_rng(0)
    x, y = draw.integers(0, 256, (60, 4, 4), "uint8"), np.arange(60, dtype="uint8") % 3
    np.savez(folder / "fine.npz", x=x, y=y)
    np.savez(folder / "keys.npz", a=x, b=y)
    np.savez(folder / "objects.npz", x=np.array([{}, {}], object), y=y)
    np.savez(folder / "short.npz", x=x, y=y[:5])
    np.savez(folder / "nan.npz", x=np.full((60, 16), np.nan), y=y)
    np.savez(folder / "huge_label.npz", x=x, y=np.where(y == 0, 2_000_000_000, y).astype("int64"))
    np.savez(folder / "floats.npz", x=x, y=y + 0.5)
    np.savez(folder / "none.npz", x=x[:0], y=y[:0])
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
    np.save(folder / "pickled.npy", np.array([{1: 2}], object))
    (folder / "table.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (folder / "empty").write_bytes(b"")
    (folder / "words.txt").write_text("words\n", encoding="utf-8")
    images = struct.pack(">HBBIII", 0, 8, 3, 60, 4, 4) + x.tobytes()
    (folder / "x.idx").write_bytes(images)
    (folder / "cut.idx").write_bytes(images[:100])
    (folder / "huge.idx").write_bytes(struct.pack(">HBBIII", 0, 8, 3, 2**31 - 1, 2**15, 2**15) + b"1")
    (folder / "y.idx").write_bytes(struct.pack(">HBBI", 0, 8, 1, 60) + y.tobytes())
    (folder / "x.idx.gz").write_bytes(gzip.compress(images, mtime=0))
    (folder / "cut.gz").write_bytes(gzip.compress(images, mtime=0)[:40])
    (folder / "crc.gz").write_bytes(gzip.compress(images, mtime=0)[:-4] + b"0000")
    (folder / "a=b c.npz").write_bytes((folder / "fine.npz").read_bytes())
    (folder / "größe [red].npz").write_bytes((folder / "fine.npz").read_bytes())
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("../outside.npy", b"1")
        archive.writestr("x.npy", b"no array")
    (folder / "slip.npz").write_bytes(held.getvalue())
    (folder / "folder.npz").mkdir()
    os.mkfifo(folder / "fifo")
    (folder / "loop").symlink_to("loop")
    (folder / "zero").symlink_to("/dev/zero")


DATA = (
    *("fine.npz", "keys.npz", "objects.npz", "short.npz", "nan.npz", "huge_label.npz", "floats.npz", "none.npz"),
    *("x.npy", "y.npy", "pickled.npy", "table.csv", "empty", "words.txt", "x.idx", "cut.idx", "huge.idx", "y.idx"),
    *("x.idx.gz", "cut.gz", "crc.gz", "a=b c.npz", "größe [red].npz", "slip.npz", "folder.npz", "fifo", "loop"),
    *("zero", "nowhere"),
)
FILES = (*PAGES, "folder.py", "fifo.py", "loop.py", "broken.py", "zero.py", "nowhere.py")
