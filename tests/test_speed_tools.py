"""The tools that measure speed: counts, intervals, rows, and that nobody is dropped. No time is asserted here."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest

from results.drawing import style
from runners.training.trainer import trainer
from tests.perf import contest, figures, gpu, limits, machine, peers
from tests.perf.peers import __main__ as command
from tests.perf.peers import race, rows
from tests.perf.problems import (
    ADAM,
    ALPHA,
    BETA,
    PROBLEMS,
    Problem,
    build_program,
    build_task,
    draw_batches,
    draw_start,
    replica,
    training_part,
)

SMALL = Problem("small", (6,), 0.003, (1,))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """640 made-up images of the problems' shape."""
    draw = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("images") / "images.npz"
    labels = np.arange(640) % 10
    np.savez(path, x=draw.integers(0, 256, (640, 784)).astype(np.uint8), y=labels)
    return str(path), None


# Counts


def test_products_of_a_small_network_counted_by_hand():
    assert SMALL.products() == [(64, 784, 6), (784, 64, 6), (64, 6, 10), (6, 64, 10), (64, 10, 6)]
    assert SMALL.flops() == 2 * 64 * (2 * 784 * 6 + 3 * 6 * 10)


def test_bytes_moved_by_a_small_network_counted_by_hand():
    weights, units = 784 * 6 + 6 * 10, 6 + 10
    adam = 8 * (weights + 2 * units)  # gradient written and read; parameter, two moments read and written
    read = weights + 6 * 10
    activations = 64 * (2 * (784 + 6) + 3 * (6 + 10))
    assert SMALL.bytes_moved() == 4 * (adam + read + activations)
    assert SMALL.bytes_moved(8) == 2 * SMALL.bytes_moved()


def test_counts_are_those_of_the_task(files):
    for problem in (SMALL, PROBLEMS["notebook"]):
        task = build_task(problem, files)
        assert problem.flops() == task.flops
        assert problem.numbers() == sum(math.prod(shape) for shape in task.sizes.values())


def test_counts_of_spikes_are_those_of_the_task_less_what_nobody_needs(files):
    spikes = PROBLEMS["spikes"]
    task, first = build_task(spikes, files), 64 * 64
    assert spikes.numbers() == sum(math.prod(shape) for shape in task.sizes.values()) == first + 64 * 10
    assert spikes.flops() == task.flops - 2 * 50 * 64 * first


# The same start and the same batches


def test_the_start_and_the_batches_are_those_of_the_trainer(files):
    heart = trainer(build_program(SMALL, files, 2))
    seats = [replica(SMALL, seed) for seed in range(2)]
    heart.begin(seats, 1)
    start = draw_start(SMALL, files, 2)
    for name, values in start.items():
        held = heart.state()[f"parameters/{name}"][:2].reshape(values.shape)
        np.testing.assert_array_equal(values, held, err_msg=name)

    task = heart.program.task
    size = len(task.examples[0])
    batches = draw_batches(SMALL, size, 2, 9)  # more than an epoch
    assert batches.shape == (9, 2, 64) and size // 64 < 9
    for one in range(2):
        assert len(np.unique(batches[: size // 64, one])) == size // 64 * 64
    x, y = (array[batches[0, 0]] for array in task.examples)
    assert heart.evaluate()["train_loss"][0] == pytest.approx(_loss(start, x, y), abs=1e-4)


def test_spikes_train_as_a_loop_over_time_does(files):
    """In NumPy, there and back: three steps of everything that the peers are to train as well."""
    problem, steps = PROBLEMS["spikes"], 3
    heart = trainer(build_program(problem, files, 1, "float64"))
    heart.begin([replica(problem, 0)], steps)
    start = draw_start(problem, files, 1)
    held = [start[f"layer{i}/weights"][0].astype(np.float64) for i in (1, 2)]
    shapes = [weights.shape for weights in held]
    for i, weights in enumerate(held, 1):  # drawn in float32, to the bit
        np.testing.assert_array_equal(heart.state()[f"parameters/layer{i}/weights"].reshape(weights.shape), weights)

    x, y = training_part(problem, files)
    batches = draw_batches(problem, len(x), 1, steps)[:, 0]
    moments = [[np.zeros(shape), np.zeros(shape)] for shape in shapes]
    one, two, epsilon = ADAM.values()
    for step, picks in enumerate(batches, 1):
        gradients = _spiking_gradients(*held, x[picks], y[picks])
        for weights, gradient, (first, second) in zip(held, gradients, moments, strict=True):
            first += (1 - one) * (gradient - first)
            second += (1 - two) * (gradient**2 - second)
            rate = problem.rate * math.sqrt(1 - two**step) / (1 - one**step)
            weights -= rate * first / (np.sqrt(second) + epsilon)
    heart.advance(steps)
    for i, weights in enumerate(held, 1):
        found = heart.state()[f"parameters/layer{i}/weights"].reshape(weights.shape)
        np.testing.assert_allclose(found, weights, rtol=0, atol=1e-12)


def _spiking_gradients(into, out, x, y):
    """By both weights, of the loss at trains x [examples, steps, pixels]; one step of time after the other."""
    arriving = np.moveaxis(x.astype(np.float64), 1, 0) @ into
    v = i = np.zeros_like(arriving[0])
    above, fired = np.empty_like(arriving), np.empty_like(arriving)
    for t, now in enumerate(arriving):
        above[t], fired[t] = v - 1, v >= 1
        v, i = (BETA * v + i) * (1 - fired[t]), ALPHA * i + now
    v = i = np.zeros_like(fired[0] @ out)
    potentials = [v]
    for now in fired @ out:
        v, i = BETA * v + i, ALPHA * i + now
        potentials.append(v)
    logits = np.max(potentials, 0)
    chances = np.exp(logits - logits.max(1, keepdims=True))
    chances /= chances.sum(1, keepdims=True)

    largest = potentials == logits  # several share what comes down
    *direct, to_v = largest / largest.sum(0) * (chances - np.eye(10)[y]) / len(y)
    to_i, arrived = np.zeros_like(to_v), np.empty([len(direct), *to_v.shape])
    for t in reversed(range(len(direct))):
        arrived[t] = to_i
        to_v, to_i = BETA * to_v + direct[t], ALPHA * to_i + to_v
    by_out = np.einsum("tbi,tbj->ij", fired, arrived)
    s = 1 / (1 + np.exp(-above))
    direct = arrived @ out.T * s * (1 - s)
    to_v = to_i = np.zeros_like(direct[0])
    arrived = np.empty_like(direct)
    for t in reversed(range(len(direct))):
        arrived[t] = to_i
        driven = to_v * (1 - fired[t])
        to_v, to_i = BETA * driven + direct[t], ALPHA * to_i + driven
    return np.einsum("bti,tbj->ij", x, arrived), by_out


def _loss(start, x, y):
    for i in (1, 2):
        h = x.astype(np.float64) @ np.where(start[f"layer{i}/weights"][0] >= 0, 1, -1)
        x = (h - h.mean(0)) / np.sqrt(h.var(0) + 1e-4)
        x = np.where(x >= 0, 1, -1) if i == 1 else x
    return np.mean(np.log(np.exp(x).sum(1)) - x[range(len(y)), y])


# Intervals, turns, load


def test_interval_is_a_t_interval_on_logarithms():
    middle, low, high = contest.interval([1.0, math.e, math.e**2])
    reach = 4.302652729911275 / math.sqrt(3)  # t of 2 degrees of freedom, a standard deviation of 1
    assert middle == pytest.approx(math.e)
    assert (low, high) == pytest.approx((math.exp(1 - reach), math.exp(1 + reach)))
    assert contest.interval([3.0]) == (3.0, 0.0, math.inf)


def test_turns_read_the_same_from_both_ends():
    assert contest.turns("abc", True) == list("abccba")
    assert contest.turns("abc", False) == list("cbaabc")


def test_a_machine_under_load_is_said_to_be_so():
    assert "idle" in machine.load_words(0.1, 0.01) and "idle" in machine.load_words(0.1, None)
    assert "load average was 1.7" in machine.load_words(1.7, None)
    assert "idle" in machine.load_words(1.7, 0.01), "the set-up's load, seen minutes later"
    assert "other processes used 30%" in machine.load_words(0.1, 0.3)
    assert machine.load_words(None, None) == ""


def test_the_machine_is_described_without_names():
    found = machine.describe(["numpy", "no-such-package"])
    assert found["cores"] >= 1 and set(found["versions"]) == {"python", "numpy"}
    assert not any("/" in str(value) for key, value in found.items() if key not in ("cpu", "gpu"))


def test_a_contestant_answers_with_its_seconds_and_its_errors_are_told():
    with contest.Contestant("fractions:Fraction", 6, 4) as one:
        seconds, result = one.ask("limit_denominator", 1)
        assert result in (1, 2) and seconds >= 0
        with pytest.raises(RuntimeError, match="has no attribute 'trot'"):
            one.ask("trot")


def test_heats_have_ours_in_each_and_everyone_once():
    names = list(peers.PEERS)
    groups = race.heats(names, room=3 * race.ROOM)
    assert all(group[0] == peers.OURS and len(group) <= 3 for group in groups)
    assert sorted(n for group in groups for n in group[1:]) == sorted(set(names) - {peers.OURS})
    assert race.heats([peers.OURS], room=0) == [[peers.OURS]]
    assert all(len(a) >= len(b) for a, b in pairwise(groups))


# The check


def test_the_verdict_takes_the_problems_own_form_first():
    assert race.verdict({"float32": 1e-4, "float64": 0.0, race.KERAS: 0.0})["form"] == "float32"
    found = race.verdict({"float32": 0.1, "float64": 0.01, race.KERAS: 1e-9})
    assert found["agrees"] and "epsilon" in found["reason"]
    assert not race.verdict({"float32": 0.1, "float64": 0.1, race.KERAS: math.inf})["agrees"]
    assert race.distance([1.0, 2.0], [1.0, 2.5, 9.0]) == 0.5 and race.distance([math.nan], [1.0]) == math.inf


# Rows, table and figure


def measurement(peer, replicas, rate, round_, problem="mlp-256"):
    clocks = {"first_call_s": 3.0, "compile_s": 2.0, "peak_memory_bytes": 2**29, "steps": 93, "turns": [rate, rate]}
    return {"peer": peer, "problem": problem, "replicas": replicas, "rate": rate, "round": round_, "heat": 0} | clocks


def whole(**more):
    """What the command writes, of two rounds in which keras and jax run beside ours and torch is not installed."""
    measured = []
    for i, drift in enumerate((1.0, 1.1)):
        for peer, replicas, rate in (
            ("ours", 1, 1000),
            ("ours", 8, 1200),
            ("keras", 1, 200),
            ("jax", 1, 900),
            ("jax", 8, 600),
        ):
            measured.append(measurement(peer, replicas, rate * drift, i))
    same = {"agrees": True, "form": "float32", "difference": {"float32": 1e-5}, "reason": ""}
    return {
        "machine": {"cpu": "A processor", "cores": 2, "gpu": None, "date": "2026-01-01", "load": 0.1, "others": 0.0},
        "data": "8,000 made-up images",
        "processes": 2,
        "rows": rows.table_rows(measured, {"mlp-256": {"keras": same}}, {"mlp-256": (1, 8)}),
        "missing": [{"peer": "torch", "label": "PyTorch eager", "packages": ["torch"]}],
        "failed": [],
    } | more


def test_a_row_each_and_ratios_of_the_same_round():
    found = {(row["peer"], row["replicas"]): row for row in whole()["rows"]}
    assert list(found) == [("ours", 1), ("keras", 1), ("jax", 1), ("ours", 8), ("keras", 8), ("jax", 8)]
    keras = found["keras", 8]
    assert keras["form"] == "one by one" and keras["rate"] == pytest.approx(210)
    assert [keras[k] for k in ("ratio", "ratio_low", "ratio_high")] == pytest.approx([6.0] * 3)  # drift cancels
    jax = found["jax", 8]  # its better form, with the other beside it
    assert jax["form"] == "one by one" and jax["ratio"] == pytest.approx(4 / 3)
    assert jax["rates"] == pytest.approx({"together": 630, "one by one": 945})
    assert found["ours", 8]["ratio"] is None and found["ours", 8]["form"] == "together"


def test_who_is_missing_or_failed_is_in_the_table(capsys):
    failed = [{"peer": "tf_function", "label": "tf.function loop", "problem": "mlp-256", "error": "no compiler"}]
    command.show(whole(failed=failed))
    out = capsys.readouterr().out
    assert "PyTorch eager" in out and "missing: torch not installed" in out
    assert "failed: no compiler" in out and "not checked" in out
    assert "together 630" in out


def test_a_peer_that_is_not_installed_is_listed_with_its_packages(monkeypatch):
    monkeypatch.setattr(peers, "find_spec", lambda package: None if package in ("torch", "optax") else object())
    assert peers.missing(peers.PEERS) == [
        {"peer": "torch", "label": "PyTorch eager", "packages": ["torch"]},
        {"peer": "torch_compile", "label": "torch.compile", "packages": ["torch"]},
        {"peer": "jax", "label": "JAX jit + vmap + scan", "packages": ["optax"]},
    ]


def test_the_figure_says_who_is_missing_and_has_the_same_bytes_from_json(tmp_path):
    found = json.loads(json.dumps(whole()))
    figure = figures.peers(found)
    (panel,) = figure.axes
    texts = {text.get_text() for text in panel.texts}
    labels = [label.get_text() for label in panel.get_yticklabels()]
    assert labels == ["Steeplechase", "Keras fit", "JAX jit + vmap + scan", "PyTorch eager"]
    assert "not installed" in texts
    one, two = (style.save(figures.peers(found), tmp_path / part, "peers")[0].read_bytes() for part in "ab")
    assert one == two
    with pytest.raises(ValueError, match="no rows"):
        figures.peers(whole(rows=[]))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--peers", "ours,pytorch"], "--peers names 'pytorch', but known are: ours,"),
        (["--problems", "mlp"], "--problems names 'mlp', but known are: notebook,"),
        (["--processes", "0"], "--processes is 0, but must be at least 1"),
        (["--replicas", "1,x"], "--replicas is 1,x, but must be whole numbers"),
        (["--seconds", "0"], "--seconds is 0, but must be above 0"),
    ],
)
def test_bad_input_is_told_in_one_sentence(words, said, capsys):
    with pytest.raises(SystemExit):
        command.main(words)
    assert said in capsys.readouterr().err


LIMITS = [
    {
        "cores": cores,
        "products": {
            ",".join(map(str, shape)): {"float32": rate, "bfloat16": rate / 4}
            for shape in PROBLEMS["mlp-256"].products()
        },
        "bandwidth": {"mlp-256": rate / 10},
    }
    for cores, rate in ((1, 1e11), (2, 1.5e11))
]


def test_the_floor_is_the_larger_of_products_and_bytes():
    problem = PROBLEMS["mlp-256"]
    flops = 2 * 64 * (2 * 784 * 256 + 3 * 256 * 256 + 3 * 256 * 10)
    one, more = limits.floor(problem, LIMITS), limits.floor(problem, LIMITS, replicas=8)
    np.testing.assert_allclose(one, [flops / 1.5e11, problem.bytes_moved() / 1.5e10])
    np.testing.assert_allclose(more, [flops / 2e11, problem.bytes_moved() / 2e10])  # a core each is faster here
    row = {"peer": "ours", "problem": "mlp-256", "replicas": 1, "rate": 500.0}
    row["rounds"] = [{"round": i, "rate": rate} for i, rate in enumerate((400.0, 500.0, 600.0))]
    (entry,) = limits.shares([LIMITS] * 3, [row, row | {"peer": "torch"}])
    np.testing.assert_allclose(entry["share"], 500 * max(one))
    assert entry["low"] < entry["share"] < entry["high"] and entry["products_s"] == one[0]


def test_the_roofline_shows_every_problem_below_its_limit():
    entry = {"problem": "mlp-256", "label": "784-256-256-10", "flops": 7.7e7, "bytes": 1.1e7, "replicas": 1}
    entry |= {"products_s": 5e-4, "bytes_s": 2e-4, "step_s": 1e-3, "share": 0.5, "low": 0.4, "high": None}
    found = whole() | {"limits": LIMITS, "floors": [entry, entry | {"replicas": 8}]}
    (axes,) = figures.roofline(found).axes
    assert axes.get_xscale() == axes.get_yscale() == "log"
    heights = [line.get_ydata()[0] for line in axes.lines if line.get_marker() == "o" and len(line.get_ydata())]
    np.testing.assert_allclose(heights, [77.0, 77.0])
    with pytest.raises(ValueError, match="limits were not measured"):
        figures.roofline(whole())


@pytest.mark.long
def test_the_checks_of_a_device_pass_on_the_cpu_and_can_fail(monkeypatch, files):
    """The CPU stands in for a GPU: it is right, until its products are shortened or its chunks begin elsewhere."""
    found = gpu.checks("cpu")
    assert all(check["right"] for check in found.values()), found
    monkeypatch.setattr(gpu, "product_error", lambda device: 3e-4)  # what TF32 gives
    real = gpu.train
    monkeypatch.setattr(gpu, "train", lambda *a, cuts=(), **k: real(*a, seeds=(4, 5) if cuts else (0, 1)))
    wrong = {name for name, check in gpu.checks("cpu").items() if not check["right"]}
    assert wrong == {
        "products are float32",
        "a replica is the same alone and among others",
        "steps may be cut anywhere",
    }


def test_without_a_gpu_the_check_says_so(capsys):
    assert gpu.main([]) == 2
    assert "TensorFlow sees none" in capsys.readouterr().err
