"""Recorded events: counted as exact fractions say, refused in one sentence, trained on, and part of a record."""

import dataclasses
import gzip
import hashlib
import math
import os
import subprocess
import sys
from fractions import Fraction

import h5py
import numpy as np
import pytest
import tensorflow as tf
import yaml

import tasks
from estimators import registry
from estimators.function import functions
from runners.configuration.schema import CONF
from runners.execution.training_run import execute
from runners.planning import identity, plans
from runners.training.hard_sites import Hard
from runners.training.programs import Program, Replica, on_device
from runners.training.trainer import Trainer
from steeplechase.errors import UserError
from tasks.data import events, formats, sets
from tasks.data.events import Counting
from tests.helpers.configurations import changed
from tests.helpers.errors import refusal
from tests.helpers.tasks import problem_of
from tests.oracles.command import ROOT

SMALL = {"duration": 8, "window": 1.0, "inputs": 4, "units": 16, "hidden": 6, "batch": 8}
COUNTING = Counting(8, 1.0, 4, 16)
TIMES = [[0.0, 0.25, 0.5], [0.125], [], [0.25, 0.25, 0.75]] * 3
UNITS = [[0, 15, 3], [7], [], [4, 5, 11]] * 3
LABELS = np.arange(12, dtype=np.uint16) % 3


def arrays(file, key, values, dtype):
    """A dataset of arrays of any length, as the published files have them."""
    dataset = file.create_dataset(key, (len(values),), h5py.vlen_dtype(np.dtype(dtype)))
    for place, value in enumerate(values):
        dataset[place] = np.array(value, dtype)
    return dataset


def write(path, times=TIMES, units=UNITS, labels=LABELS, kinds=("f4", "u2")):
    """A file of the layout: its path. What is None is left out; what is an array is stored as it is."""
    with h5py.File(path, "w") as file:
        for key, values, kind in ((events.TIMES, times, kinds[0]), (events.UNITS, units, kinds[1])):
            if isinstance(values, np.ndarray):
                file[key] = values
            elif values is not None:
                arrays(file, key, values, kind)
        if labels is not None:
            file["labels"] = labels
    return str(path)


def drawn(examples, seed, units=16):
    """(times, units, labels): of two classes, whose events come mostly from the one or the other half of the units."""
    draw = np.random.Generator(np.random.PCG64(seed))
    labels = np.arange(examples) % 2
    times = [np.sort(draw.uniform(0, 1, 12)) for _ in labels]
    half = units // 2
    places = [draw.integers(0, half, 12) + half * (draw.random(12) < 0.2 + 0.6 * label) for label in labels]
    return times, places, labels


def page(**arguments):
    """The task's configuration with these arguments."""
    default = yaml.safe_load((CONF / "task/spiking_digits.yaml").read_text(encoding="utf-8"))
    return default | {"steps": 4} | SMALL | arguments


def planned(**arguments):
    """What a plan makes of the task with these arguments."""
    return changed(task=page(**arguments), function={"name": "step", "at_zero": 1})


# --- what is counted ---


def counted(times, units, counting):
    """By exact fractions, an event at a time."""
    counts = np.zeros([counting.steps, counting.inputs])
    for time, unit in zip(times, units, strict=True):
        step = math.floor(Fraction(float(time)) / Fraction(counting.window) * counting.steps)
        if step < counting.steps:
            counts[step, math.floor(Fraction(int(unit), counting.units) * counting.inputs)] += 1
    return counts.ravel()


@pytest.mark.parametrize("packed", [False, True], ids=["", "gzipped"])
@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
def test_events_are_counted_where_exact_fractions_say(tmp_path, kind, packed):
    counting = Counting(9, 1.1, 7, 20)
    draw = np.random.Generator(np.random.PCG64(0))
    times = [np.sort(draw.uniform(0, 1.4, size)).astype(kind) for size in (40, 0, 1, 90, 300, 25)]
    units = [draw.integers(0, 20, len(each)) for each in times]
    path = write(tmp_path / "events", times, units, np.arange(6) % 2, (kind, "u2"))
    if packed:
        (tmp_path / "events").write_bytes(gzip.compress((tmp_path / "events").read_bytes()))
    found = sets.load_any(path, None, counting)
    known = np.stack([counted(*each, counting) for each in zip(times, units, strict=True)])
    np.testing.assert_array_equal(found.x, known)
    assert known.max() > 1 and (found.x.dtype, found.y.tolist()) == (np.float32, [0, 1] * 3)
    assert (found.steps, found.classes, found.test) == (9, 2, None)
    total = sum(map(len, times))
    share = f"{100 * (1 - known.sum() / total):.3g} % of the {total} events come after 1.1 s"
    assert [share in remark for remark in found.remarks] == [True]


def test_borders_belong_to_the_step_that_begins(tmp_path):
    """Each of 22 steps is a sixteenth of a second, and rounding t/window first would put the begin of the 16th before
    it. A time just below the window, which rounding puts at its end, is in the last step."""
    times = [step / 16 for step in range(22)]
    path = write(tmp_path / "a", [times] * 2, [[0] * 22] * 2, np.arange(2), ("f8", "u2"))
    assert sets.load_any(path, None, Counting(22, 1.375, 1, 1)).x.tolist() == [[1] * 22] * 2
    path = write(tmp_path / "b", [[np.nextafter(1.4, 0), 1.4]] * 2, [[0] * 2] * 2, np.arange(2), ("f8", "u2"))
    assert sets.load_any(path, None, Counting(23, 1.4, 1, 1)).x.tolist() == [[0] * 22 + [1]] * 2


def test_a_window_is_not_rounded_to_the_type_of_the_times(tmp_path):
    """In float16 a window of 1.4006 would be the 1.400390625 of the time itself, which is before it."""
    path = write(tmp_path / "a", [[0.5, 1.400390625]] * 2, [[0, 0]] * 2, np.arange(2), ("f2", "u2"))
    assert sets.load_any(path, None, Counting(2, 1.4006, 1, 1)).remarks == ()
    assert "50 % of the 4 events" in sets.load_any(path, None, Counting(2, 1.4, 1, 1)).remarks[0]


def test_the_file_of_the_test_part_is_what_is_reported(tmp_path):
    own = write(tmp_path / "train", labels=LABELS[:, None])
    other = write(tmp_path / "test", [[0.5]] * 5, [[9]] * 5, np.arange(5))
    found = sets.load_any(own, None, Counting(8, 1.0, 4, 16, other))
    assert found.x.shape == (12, 32) and found.test.x.shape == (5, 32) and found.classes == found.test.classes == 5
    assert np.flatnonzero(found.test.x[0]).tolist() == [4 * 4 + 2]
    assert "2 have no example to train on (3 to 4)" in found.remarks[0]
    task = tasks.registry["spiking_digits"](data=own, test_data=other, **SMALL)
    assert task.sizes["layer1/weights"] == (4, 6) and task.sizes["layer2/weights"] == (6, 5)
    assert task.training == 10 and task.draw.overlap is None and task.label == "Spiking network (4-6-5)"
    assert found.checksum == task.checksum == sets.checksum(own, None, Counting(8, 1.0, 4, 16, other))
    digests = [hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("train", "test")]
    assert task.checksum == hashlib.sha256(" ".join(digests).encode()).hexdigest()


# --- what is trained ---


def trained(task, steps=40):
    """What is judged of one replica before and after a training; judging needs no program of its own."""
    surrogate = registry["fast_sigmoid"]
    hard = Hard(surrogate, surrogate, functions["step"])
    trainer = Trainer(Program(on_device(task, "cpu"), hard, "Adam", (), (), 1, "float32", "cpu"))
    trainer.begin([Replica(0, 0.02, surrogate.parameters, surrogate.parameters)], steps)
    judged = []
    for mark in (0, steps):
        trainer.advance(mark)
        state = trainer.state()
        parameters = {name: tf.reshape(state[f"parameters/{name}"], shape) for name, shape in task.sizes.items()}
        judged.append(task.judge(parameters, hard.values(task), problem_of(task)))
    return [{name: float(value) for name, value in each.items()} for each in judged]


def test_a_network_learns_which_units_fire(tmp_path):
    """Of two classes it tells 100 new examples apart: nine in ten are far above chance, which is one in two."""
    paths = [write(tmp_path / name, *drawn(100, seed)) for seed, name in enumerate(("train", "test"))]
    before, after = trained(tasks.registry["spiking_digits"](data=paths[0], test_data=paths[1], **SMALL))
    assert after["test_accuracy"] > 0.85 and after["test_loss"] < before["test_loss"] / 2


# --- what is refused ---

HEADERS = {  # seen in what stands before the events, and so by a plan
    "no times": ({"times": None}, "has no spikes/times, allowed is an HDF5 file with spikes/times, spikes/units and"),
    "no units": ({"units": None}, "has no spikes/units"),
    "no events": ({"times": None, "units": None}, "has no spikes/times"),
    "no labels": ({"labels": None}, "has no labels"),
    "times of one length": ({"times": np.zeros([12, 3])}, "[spikes/times]: holds float64, allowed are arrays of any"),
    "whole seconds": (
        {"kinds": ("i4", "u2")},
        "[spikes/times]: holds arrays of int32, allowed are arrays of any length",
    ),
    "real units": (
        {"kinds": ("f4", "f4")},
        "[spikes/units]: holds arrays of float32, allowed are arrays of any length",
    ),
    "words": ({"units": np.array([b"a"] * 12)}, "[spikes/units]: holds |S1"),
    "real labels": ({"labels": LABELS / 2}, "[labels]: the labels are float64, allowed are integers"),
    "negative labels": ({"labels": LABELS.astype(int) - 1}, "[labels]: the labels go from -1 to 1, allowed are 0 to"),
    "labels of two places": ({"labels": LABELS.reshape(6, 2)}, "[labels]: the labels have the shape (6, 2)"),
    "too few labels": (
        {"labels": LABELS[:-1]},
        "[spikes/times]: has the shape (12,), allowed is one array for each of",
    ),
    "too few units": ({"units": UNITS[:-1]}, "[spikes/units]: has the shape (11,)"),
}
VALUES = {
    "out of order": (
        {"times": [*TIMES[:-1], [0.5, 0.25, 0.75]]},
        "example 11 (counted from 0) has its times out of order",
    ),
    "a negative time": ({"times": [[-0.5, 0.25, 0.5], *TIMES[1:]]}, "example 0 (counted from 0) has the time -0.5"),
    "no number": ({"times": [[0.5, np.nan, 0.5], *TIMES[1:]]}, "has the time nan, allowed are finite seconds"),
    "no end": ({"times": [[0.5, 0.5, np.inf], *TIMES[1:]]}, "has the time inf"),
    "a unit less": ({"units": [*UNITS[:1], [], *UNITS[2:]]}, "example 1 (counted from 0) has 1 times and 0 units"),
    "a unit more": (
        {"units": [*UNITS[:3], [4, 5, 16], *UNITS[4:]]},
        "has the unit 16, allowed are 0 to 15: task.units",
    ),
    "a negative unit": ({"units": [*UNITS[:3], [4, 5, -1], *UNITS[4:]], "kinds": ("f4", "i2")}, "has the unit -1"),
    "milliseconds": (
        {"times": [[1 + 1000 * t for t in each] for each in TIMES]},
        "none of 21 events comes within the first",
    ),
}


def read(path, counting=COUNTING):
    return sets.load_any(path, None, counting)


@pytest.mark.parametrize("case", [*HEADERS, *VALUES])
@pytest.mark.parametrize("part", ["data", "test_data"])
def test_what_are_no_events_is_one_sentence(tmp_path, case, part):
    """Of the file that is trained on and of that which is reported; by a plan where no event has to be read for it."""
    arguments, text = (HEADERS | VALUES)[case]
    paths = {"data": write(tmp_path / "fine"), part: write(tmp_path / "bad", **arguments)}
    counting = Counting(8, 1.0, 4, 16, paths.get("test_data"))
    message = refusal(paths["data"], counting, call=read)
    assert text in message and str(tmp_path / "bad") in message
    if case in HEADERS:
        with pytest.raises(UserError) as caught:
            identity.identify(planned(**paths))
        assert str(caught.value) == message
    else:
        assert len(sets.checksum(paths["data"], None, counting)) == 64


def test_labels_make_classes_as_those_of_images_do(tmp_path):
    """A test part of one class is one."""
    path, other = write(tmp_path / "events", labels=LABELS * 0), write(tmp_path / "other", labels=LABELS // 2)
    assert "all 12 examples to train on are of the class 0" in refusal(path, call=read)
    assert read(other, dataclasses.replace(COUNTING, test_data=path)).test.y.tolist() == [0] * 12
    path = write(tmp_path / "events", labels=LABELS * 9)
    assert "[labels]: the largest label is 18, which would make 19 classes of 12" in refusal(path, call=read)
    path = write(tmp_path / "events", labels=LABELS + 1)
    assert "1 have no example to train on (0)" in read(path).remarks[0]


def test_what_lies_in_other_files_is_refused_unread(tmp_path):
    """No checksum would cover it."""
    whole = write(tmp_path / "whole")
    raw = tmp_path / "raw"
    raw.write_bytes(LABELS.tobytes())
    layout = h5py.VirtualLayout((12,), "u2")
    layout[:] = h5py.VirtualSource(whole, "labels", (12,))
    link, other = "is a link, which may lead elsewhere", "is empty, or lies in another file"
    for text, add in (
        (link, lambda file: file.__setitem__("labels", h5py.ExternalLink(whole, "labels"))),
        (link, lambda file: file.__setitem__("labels", h5py.SoftLink("a"))),  # which is an external link
        (other, lambda file: file.create_dataset("labels", (12,), "u2", external=[(str(raw), 0, 24)])),
        (other, lambda file: file.create_virtual_dataset("labels", layout)),
        (other, lambda file: file.create_dataset("labels", data=h5py.Empty("u2"))),
        ("is no dataset", lambda file: file.create_group("labels")),
    ):
        path = write(tmp_path / "events", labels=None)
        with h5py.File(path, "a") as file:
            file["a"] = h5py.ExternalLink(whole, "labels")
            add(file)
        assert f"[labels]: {text}, allowed is an HDF5 file with spikes/times" in refusal(path, call=read)
    path = write(tmp_path / "events", None, None)
    with h5py.File(path, "a") as file:
        file["spikes"] = h5py.ExternalLink(whole, "spikes")
    assert "[spikes/times]: is a link, which may lead elsewhere" in refusal(path, call=read)


def test_no_header_asks_for_more_than_a_file_may_hold(tmp_path, monkeypatch):
    for key in (events.TIMES, events.UNITS, events.LABELS):
        kind = "u8" if key == events.LABELS else h5py.vlen_dtype(np.dtype("f4"))
        for size, chunks in ((10**9, 1000), (12, 2**27)):  # of which nothing is stored
            path = write(tmp_path / "many")
            with h5py.File(path, "a") as file:
                del file[key]
                file.create_dataset(key, (size,), kind, chunks=(chunks,), maxshape=(None,))
            message = refusal(path, call=read)
            assert f"[{key}]: " in message and "unpack" in message

    # A million events that are stored once, and that all examples have.
    path = write(tmp_path / "shared", [np.zeros(10**6), *TIMES[1:]], [np.zeros(10**6), *UNITS[1:]], kinds=("f8", "u2"))
    with h5py.File(path) as file:
        places = [file[key].id.get_offset() for key in (events.TIMES, events.UNITS)]
    raw = bytearray((tmp_path / "shared").read_bytes())
    for place in places:
        raw[place : place + 12 * 16] = raw[place : place + 16] * 12
    (tmp_path / "shared").write_bytes(raw)
    assert read(path).x[11, 0] == 10**6
    monkeypatch.setattr(formats, "RATIO", 5)
    assert "allowed are 5 times as many" in refusal(path, call=read)


@pytest.mark.parametrize("packed", [False, True], ids=["", "gzipped"])
def test_a_damaged_file_is_one_sentence(tmp_path, packed):
    """Cut anywhere, or with another length of an example's events than are stored."""
    path = write(tmp_path / "events")
    with h5py.File(path) as file:
        at = file[events.TIMES].id.get_offset()
    raw = (tmp_path / "events").read_bytes()
    wrong = raw[:at] + bytes([2]) + raw[at + 1 :]
    pieces = [*(raw[:size] for size in range(8, len(raw), len(raw) // 30)), wrong]
    for piece in pieces:
        (tmp_path / "events").write_bytes(gzip.compress(piece) if packed else piece)
        assert "allowed are whole, undamaged HDF5 files" in refusal(path, call=read)
    (tmp_path / "events").write_bytes(gzip.compress(raw)[:-9])
    assert "cannot be read, allowed are whole, undamaged files" in refusal(path, call=read)


def test_more_counts_than_are_held_are_refused_by_a_plan(tmp_path):
    path = write(tmp_path / "events")
    arguments = {"duration": 10**6, "inputs": 100, "units": 100, "hidden": 2, "batch": 2}
    with pytest.raises(
        UserError, match="12 examples of 1000000 steps and 100 inputs are 1200000000 counts, allowed"
    ) as e:
        identity.identify(planned(data=path, **arguments))
    assert "set task.duration or task.inputs to a smaller number" in str(e.value)
    with pytest.raises(UserError) as loaded:
        tasks.registry["spiking_digits"](data=path, **(SMALL | arguments))
    assert str(loaded.value) == str(e.value)


def test_files_that_do_not_go_together_are_refused(tmp_path):
    path = write(tmp_path / "events")
    np.savez(tmp_path / "images.npz", x=np.zeros((12, 4), np.uint8), y=LABELS)
    images = str(tmp_path / "images.npz")
    for arguments, text in (
        ({"data": images, "test_data": path}, f"task.test_data is {path}, but {images} holds no recorded events"),
        (
            {"data": "digits", "test_data": path},
            "but digits holds no recorded events, which alone have it: leave it at null",
        ),
        ({"data": "digits", "window": 2.0}, "task.window is 2.0, but digits holds no"),
        ({"data": images, "inputs": 2}, "task.inputs is 2, but"),
        ({"data": images, "units": 100}, "task.units is 100, but"),
        ({"data": path, "test_data": images}, f"{images}: is none, allowed is an HDF5 file"),
        ({"data": path, "test_data": "nowhere.h5"}, "test_data=nowhere.h5: there is no such file"),
        ({"data": path, "test_data": path}, f"has what {path} has, allowed are other events"),
        ({"data": path, "labels": path}, "have their own labels, none are allowed beside them"),
        ({"data": "nowhere.h5"}, "an IDX, NPY, NPZ, HDF5 or CSV file"),
    ):
        own = {"window": 1.4, "inputs": 70, "units": 700} | arguments
        with pytest.raises(UserError) as caught:
            identity.identify(planned(**own))
        assert text in str(caught.value)
        with pytest.raises(UserError) as loaded:
            tasks.registry["spiking_digits"](**(SMALL | own))
        assert str(loaded.value) == str(caught.value)
    for name in ("binarized_mlp", "quantized_mlp"):
        other = yaml.safe_load((CONF / f"task/{name}.yaml").read_text(encoding="utf-8"))
        with pytest.raises(
            UserError, match="HDF5 file, which only the task spiking_digits reads, as events, allowed are"
        ):
            identity.identify(changed(task=other | {"data": path}))


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"window": 0.0}, "task.window is 0.0, but must be a finite number above 0"),
        ({"inputs": 0}, "task.inputs is 0, but must be a whole number of at least 1"),
        ({"units": 3}, "task.inputs is 4, but task.units is 3"),
        ({"test_data": 3}, "task.test_data is 3, but must be a path or null"),
    ],
)
def test_arguments_that_count_nothing_are_refused(arguments, text):
    with pytest.raises(UserError, match=text):
        planned(**arguments)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="task.test_data is .*, which is no regular file"):
        planned(data=write(tmp_path / "events"), test_data=str(tmp_path / "pipe"))


def test_what_only_images_have_is_remarked_on_beside_events(tmp_path):
    path = write(tmp_path / "events")
    assert tasks.registry["spiking_digits"](data=path, **SMALL).remarks == ()
    [remark] = tasks.registry["spiking_digits"](data=path, latency=3.0, **SMALL).remarks
    assert "task.latency is 3.0" in remark and "it changes nothing" in remark


# --- what a record is ---


def test_other_events_of_the_same_name_are_another_run(tmp_path):
    """Of either file; where they lie does not count, and what is off makes no other program."""

    def run(folder, train=TIMES, test=TIMES[::-1], **arguments):
        (tmp_path / folder).mkdir(exist_ok=True)
        files = {"data": write(tmp_path / folder / "train.h5", train), "test_data": str(tmp_path / folder / "test.h5")}
        write(files["test_data"], test, UNITS[::-1])
        return planned(**(files | arguments))

    first = run("a")
    assert identity.program(run("b")) == identity.program(first)
    own = identity.configuration(first)["task"]
    assert (own["data"], own["test_data"]) == ("train.h5", "test.h5")
    other = [run("c", [*TIMES[:-1], [0.25, 0.25, 0.5]]), run("d", test=[*TIMES[:1:-1], [0.25], [0.0, 0.25, 0.75]])]
    assert len({identity.configuration(each)["data"] for each in (first, *other)}) == 3
    other += [run("a", **{name: value}) for name, value in (("window", 0.5), ("inputs", 2), ("units", 20))]
    alone = run("a", test_data=None)
    assert "test_data" not in alone.program["task"]
    assert len({identity.program(each)[1] for each in (first, *other, alone)}) == 7


def test_no_plan_says_where_the_events_lie():
    typed = ["task.data=/home/a.h5", "task.spiking_digits.test_data=/home/b.h5", "task.test_data=/home/b.h5"]
    assert plans.command_line(["task=spiking_digits", *typed]) == "python -m runners.sweep task=spiking_digits"


def test_a_test_part_that_changed_while_the_sweep_was_under_way_is_not_reported(tmp_path):
    files = {"data": write(tmp_path / "train.h5"), "test_data": write(tmp_path / "test.h5", labels=LABELS[::-1])}
    run = dataclasses.replace(planned(**files), store=str(tmp_path / "store"))
    known = identity.identify(run)
    write(tmp_path / "test.h5", TIMES[::-1], UNITS[::-1])
    outcome = execute(run, lambda *_: None, (known.name, known.fingerprint))
    assert "the data changed while the sweep was under way" in outcome.error
    assert not [*(tmp_path / "store").rglob("run-*.json")]


def test_events_are_planned_without_tensorflow_and_images_without_their_reader(tmp_path):
    path = write(tmp_path / "events")
    program = (
        "import sys; from tasks.data import sets; from tasks.data.events import Counting\n"
        "sets.checksum('digits', None, Counting(8)); print('h5py' in sys.modules)\n"
        f"sets.checksum({path!r}, None, Counting(8)); print({{'tensorflow', 'keras'}} & {{*sys.modules}} or 'h5py')"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert (done.returncode, done.stdout.split()) == (0, ["False", "h5py"]), done.stderr
