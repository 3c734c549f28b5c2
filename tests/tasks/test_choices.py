"""Tasks that choose, the router and the gates: against enumerations in NumPy, and known numbers."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

import tasks
from estimators import registry
from estimators.function import functions
from runners.training.hard_sites import Hard
from runners.training.programs import Program, Replica
from runners.training.trainer import Trainer
from steeplechase.errors import UserError
from tests.helpers.tasks import problem_of

ARGMAX = functions["argmax"]


def hard(x, *, at):
    return ARGMAX.value(x)


def judged(task, logits, problem):
    return {name: float(number) for name, number in task.judge({"logits": logits}, hard, problem).items()}


def sines(r):
    """The loss of a way of the published instance, as its formula reads, in Python."""
    e = [[np.cos(2.1 * a + 1.4 * k**2 + 0.8 * a * k) for k in (1, 2, 3)] for a in range(1, 7)]
    t = [np.sin(1.1 * a) for a in range(1, 7)]
    heard = [e[a][r[a]] for a in range(6)]
    counts = [r.count(k) for k in range(3)]
    return (
        sum((y - w) ** 2 for y, w in zip(heard, t, strict=True)) / 6
        + 0.2 * sum((n / 6 - 1 / 3) ** 2 for n in counts)
        + (sum(heard) - sum(t)) ** 2 / 12
    ), heard


def test_the_instance_of_sines_has_the_numbers_that_are_known():
    """Mean and worst of all 729 ways, and that each token's own best expert gives the 16th best of them."""
    task = tasks.registry["router"](instance="sines", dtype="float64")
    ways = list(itertools.product(range(3), repeat=6))
    known = np.array([sines(way)[0] for way in ways])
    assert known.mean() == pytest.approx(1.456058, abs=1e-6) and known.max() == pytest.approx(3.453965, abs=1e-6)
    order = np.argsort(known)
    for place in (0, 1, 15, 400, 728):
        found = judged(task, tf.one_hot(ways[order[place]], 3, dtype=tf.float64), {})
        assert found["excess"] == pytest.approx(known[order[place]] - known.min(), abs=1e-12)
        assert found["place"] == place
        assert found["wrong_routes"] == pytest.approx(np.mean(np.array(ways[order[place]]) != ways[order[0]]))
    assert found["separate_excess"] == pytest.approx(np.sort(known)[15] - known.min(), abs=1e-12)


def test_each_draw_has_an_instance_and_its_best_way():
    task = tasks.registry["router"](tokens=4, experts=3, dtype="float64")
    one, other = (problem_of(task, draw) for draw in (0, 1))
    assert (one["answers"].numpy() != other["answers"].numpy()).all()
    said, wanted = one["answers"].numpy(), one["targets"].numpy()

    def loss(way):
        heard = said[np.arange(4), way]
        spread = sum((np.sum(np.array(way) == k) / 4 - 1 / 3) ** 2 for k in range(3))
        return ((heard - wanted) ** 2).mean() + 0.2 * spread + 0.5 / 4 * (heard.sum() - wanted.sum()) ** 2

    best = min(itertools.product(range(3), repeat=4), key=loss)
    assert (one["best"].numpy().argmax(1) == best).all()
    assert judged(task, one["best"] * 5.0, one)["excess"] == pytest.approx(0, abs=1e-12)
    training, _ = task.loss({"logits": one["best"]}, (), hard, None, one)
    assert float(training) == pytest.approx(loss(best), abs=1e-12)


FORMULAS = {  # of difflogic's gates, by their numbers
    0: lambda a, b: 0,
    1: lambda a, b: a * b,
    2: lambda a, b: a - a * b,
    3: lambda a, b: a,
    4: lambda a, b: b - a * b,
    5: lambda a, b: b,
    6: lambda a, b: a + b - 2 * a * b,
    7: lambda a, b: a + b - a * b,
}
FORMULAS |= {15 - i: lambda a, b, gate=gate: 1 - gate(a, b) for i, gate in FORMULAS.items()}


def circuit(task, chosen):
    return judged(task, 9.0 * tf.one_hot(chosen, 16, dtype=tf.float64), {})


@pytest.mark.parametrize("bits", [3, pytest.param(4, marks=pytest.mark.long)])
def test_two_circuits_of_gates_are_a_parity(bits):
    """Of all circuits, by the formulas of the gates in Python: their errors, and how many have none."""
    task = tasks.registry["gates"](bits=bits, dtype="float64")
    inputs = list(itertools.product((0, 1), repeat=bits))
    right = []
    for chosen in itertools.product(range(16), repeat=bits - 1):
        wrong = 0
        for row in inputs:
            said = row[0]
            for gate, bit in zip(chosen, row[1:], strict=True):
                said = FORMULAS[gate](said, bit)
            wrong += said != sum(row) % 2
        if wrong == 0:
            right.append(chosen)
        if wrong == 0 or sum(chosen) % 11 == 0:
            assert circuit(task, chosen)["errors"] == pytest.approx(wrong / len(inputs), abs=1e-12), chosen
    assert len(right) == 2 ** (bits - 2) and set(itertools.chain(*right)) == {6, 9}, "XOR and XNOR"


def test_one_circuit_is_a_half_adder():
    task = tasks.registry["gates"](circuit="half_adder", dtype="float64")
    errors = {pair: circuit(task, pair)["errors"] for pair in itertools.product(range(16), repeat=2)}
    assert [pair for pair, share in errors.items() if share == 0] == [(6, 1)], "XOR and AND"
    assert max(errors.values()) == 1 == errors[9, 14]


def test_equal_logits_are_a_mixture_that_knows_nothing():
    """Each gate's mixture is ½ for every input, and so is the loss of one bit ¼."""
    found = judged(tasks.registry["gates"](dtype="float64"), tf.zeros([2, 16], tf.float64), {})
    assert found["soft_loss"] == pytest.approx(0.25) and found["errors"] == pytest.approx(0.5)
    assert found["gap"] == pytest.approx(0.25)


def test_a_chosen_gate_is_found_by_what_a_softmax_hands_down():
    """Of eight seeds, the parity of two bits: one node, whose loss says by how much each gate would be better."""
    task, page = tasks.registry["gates"](bits=2), registry["sigmoid_derivative"]
    trainer = Trainer(Program(task, Hard(page, page, ARGMAX), "Adam", (), (), 8, "float32", "cpu"))
    trainer.begin([Replica(seed, 0.1, page.parameters, page.parameters) for seed in range(8)], 200)
    trainer.advance(200)
    row = trainer.evaluate()
    assert (row["errors"] == 0).all() and "saturation" not in row and "flip_rate" not in row


@pytest.mark.parametrize(
    "name, arguments, said",
    [
        ("router", {"tokens": 12}, "12 tokens to 3 experts are 531,441 ways, but at most 16,384 are tried"),
        ("router", {"experts": 1}, "task.experts is 1"),
        ("router", {"instance": "sine"}, "task.instance is 'sine', but must be one of: drawn, sines; did you mean"),
        ("gates", {"circuit": "adder"}, "task.circuit is 'adder', but must be one of: parity, half_adder"),
        ("gates", {"bits": 13}, r"task.bits is 13, but all 2\^bits inputs are tried: at most 12"),
        ("gates", {"start": 0.0}, "task.start is 0.0"),
    ],
)
def test_what_makes_no_task_is_refused(name, arguments, said):
    with pytest.raises(UserError, match=said):
        tasks.registry[name](**arguments)
