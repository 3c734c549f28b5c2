"""What the trace promises: the notebook's numbers, the same eager as compiled, and a task's true flows."""

import dataclasses
import math
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import estimators
import tasks
from estimators.function import functions
from runners import trace
from runners.tracing.chain import FLOW, Operation, chain, gradients, hard, l2_loss, operations, product, square
from runners.tracing.first_step import STATISTICS, first_step
from runners.training.hard_sites import Hard
from runners.training.programs import Program, Replica
from runners.training.trainer import Trainer
from steeplechase.errors import Unsupported, UserError
from steeplechase.random import Chance, key
from tasks.base import Task
from tests.oracles.command import ROOT

modes = pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])


def both(page):
    """This surrogate at weights and at activations."""
    return Hard(estimators.registry[page], estimators.registry[page])


def quantities(values):
    """The statistics of an array, computed apart."""
    low, middle, high = np.percentile(values, [5, 50, 95])
    return {"norm": math.sqrt((values**2).sum()), "q05": low, "median": middle, "q95": high}


def toy(start, loss, **more):
    """A task with one parameter x and a loss of one's own."""
    start = np.asarray(start, np.float32)
    given = {
        "name": "toy",
        "label": "Toy",
        "start": lambda chance, problem: {"x": tf.constant(start)},
        "loss": loss,
        "judge": lambda parameters, hard, problem: {},
        "measures": {},
        "selects": "train_loss",
        "reports": "train_loss",
        "target": ("train_loss", 0.0),
        "sizes": {"x": start.shape},
        "flops": 1.0,
        "weights": ("x",),
    }
    return Task(**given | more)


# Chains


@modes
def test_square_three_times(compiled):
    table = chain([square, square, square], 2.0, compiled=compiled)
    assert list(table.columns) == ["operation", "input", "output", "upstream", "slope", "downstream"]
    assert table["operation"].tolist() == ["square"] * 3
    assert table["input"].tolist() == [16, 4, 2]
    assert table["output"].tolist() == [256, 16, 4]
    assert table["upstream"].tolist() == [1, 32, 256]
    assert table["slope"].tolist() == [32, 8, 4]
    assert table["downstream"].tolist() == [32, 256, 1024]


@modes
def test_product_and_what_is_not_connected(compiled):
    table = gradients(product, 2.0, 3.0, compiled=compiled)
    assert table.to_dict("list") == {
        "of": ["product", "a", "b"],
        "value": [6, 2, 3],
        "by a": [3, 1, None],
        "by b": [2, None, 1],
    }
    wider = gradients(lambda a, b, c: product(a, b), 2.0, 3.0, 5.0, compiled=compiled)
    assert wider["by c"].tolist() == [None, None, None, 1]


@modes
def test_no_gradient_is_not_a_gradient_of_zero(compiled):
    table = gradients(lambda a, b: hard("zero")(a), 2.0, 3.0, compiled=compiled)
    assert table.loc[0, "by a"] == 0.0
    assert table.loc[0, "by b"] is None


@modes
def test_product_within_a_chain(compiled):
    table = chain([product, square], (2.0, 3.0), compiled=compiled).set_index("operation")
    assert table.loc["product", "input"] == (2, 3)
    assert table.loc["product", "upstream"] == 12
    assert table.loc["product", "slope"] == (3, 2)
    assert table.loc["product", "downstream"] == (36, 24)


@modes
def test_rounding_within_a_chain(compiled):
    """x² = 1.69 is 2 of three bits, 0.19 above the jump at 1.5, and 1 of two bits, outside of what they reach."""
    for bits, out, away, passes in ((3, 2.0, 0.19, 1), (2, 1.0, 1.19, 0)):
        chosen = operations(["square", "round"], 0.5, "tanh_slope", {"name": "round", "bits": bits}, scale=2.0)
        table = chain(chosen, np.float64(1.3), compiled=compiled).set_index("operation")
        slope = passes * 2 / np.cosh(2 * away) ** 2
        assert table.loc["round", "output"] == out
        assert table.loc["round", "slope"] == pytest.approx(slope, rel=1e-9)
        assert table.loc["square", "downstream"] == pytest.approx((out - 0.5) * slope * 2.6, rel=1e-9)


@modes
def test_sign_at_three_with_target_minus_one(compiled):
    table = chain([hard(), l2_loss(-1.0)], 3.0, compiled=compiled).set_index("operation")
    assert table.index.tolist() == ["l2_loss", "sign"]
    assert table.loc["l2_loss"].tolist() == [1, 2, 1, 2, 2]
    assert table.loc["sign", ["input", "output", "upstream"]].tolist() == [3, 1, 2]
    assert table.loc["sign", "slope"] == pytest.approx(0.0451766551, abs=2e-8)
    assert table.loc["sign", "downstream"] == pytest.approx(0.0903533101, abs=2e-8)


@pytest.mark.parametrize(
    "operations",
    [[square] * 3, [hard(), l2_loss(-1.0)], [square, square, hard("tanh_slope", forward="step"), l2_loss(0.3)]],
)
@pytest.mark.parametrize("x", [2.0, 3.0, [0.25, -0.5, 0.0]])
def test_compiled_is_eager(operations, x):
    eager, compiled = chain(operations, x), chain(operations, x, compiled=True)
    assert eager["operation"].tolist() == compiled["operation"].tolist()
    for name in eager.columns[1:]:
        for one, other in zip(eager[name], compiled[name], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=0)


@modes
def test_tanh_slope_against_its_closed_form(compiled):
    x = np.array([-1.2, -0.1, 0.0, 0.4, 2.0])
    surrogate = hard("tanh_slope", at_zero=-1, normalize="peak", scale=2.0)
    table = chain([square, surrogate, l2_loss(0.25)], x, compiled=compiled).set_index("operation")
    y = np.where(x == 0, -1.0, 1.0)
    slope = 1 / np.cosh(2 * x**2) ** 2
    np.testing.assert_array_equal(table.loc["sign", "output"], y)
    np.testing.assert_allclose(table.loc["sign", "slope"], slope, rtol=1e-12)
    np.testing.assert_allclose(table.loc["l2_loss", "output"], (y - 0.25) ** 2 / 2, rtol=1e-12)
    np.testing.assert_allclose(table.loc["square", "upstream"], (y - 0.25) * slope, rtol=1e-12)
    np.testing.assert_allclose(table.loc["square", "downstream"], (y - 0.25) * slope * 2 * x, rtol=1e-12)


def test_a_hard_operation_is_the_estimators_own(page):
    x = tf.constant([-2.0, -0.3, 0.0, 0.7, 5.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        ours = hard(page.name, forward="step", at_zero=-1)(x)
        its = page.hard(x, forward="step", at_zero=-1, chance=Chance(key(0)).of("slope"))
    np.testing.assert_array_equal(ours, its)
    np.testing.assert_array_equal(tape.gradient(ours, x), tape.gradient(its, x))


def test_an_operation_of_ones_own():
    halve = Operation("halve", lambda x: x / 2, lambda x: tf.ones_like(x) / 2)
    assert chain([halve, square], 6.0)["downstream"].tolist() == [6, 3]
    assert chain([], 1.0).empty


def test_mistakes_in_a_chain():
    with pytest.raises(UserError, match="product takes 2 inputs, but would be given 1 here"):
        chain([square, product], 2.0)
    with pytest.raises(UserError, match="did you mean 'tanh_slope'"):
        hard("tanh_slop")
    with pytest.raises(UserError, match="no parameter 'clip'"):
        hard("ste", clip=1.0)
    with pytest.raises(Unsupported):
        chain([hard("ste", normalize="area")], 1.0)


def test_what_holds_no_numbers_is_told_in_one_sentence():
    for x in (None, "2", True, 1j, [1, [2]]):
        for call in (lambda x: chain([square], x), lambda x: gradients(square, x)):
            with pytest.raises(UserError, match="but must be real numbers"):
                call(x)
    with pytest.raises(UserError, match="a chain is made of operations"):
        chain([np.sin], 1.0)
    with pytest.raises(UserError, match="gradients are those of a function"):
        gradients("square", 1.0)
    for wrong in ({"scale": np.float32(-1)}, {"scale": [1.0, 2.0]}, {"scale": None}, {"normalize": "volume"}):
        with pytest.raises(UserError, match="but must be"):
            hard("tanh_slope", **wrong)
    for wrong in ({"forward": "sine"}, {"at_zero": 2}):
        with pytest.raises(UserError, match="but must be"):
            hard("ste", **wrong)
    with pytest.raises(UserError, match="there is no estimator"):
        hard(None)
    task = tasks.registry["sign_fitting"](dim=2, rows=2)
    with pytest.raises(UserError, match="tanh_slope.scale is -1.0, but must be > 0"):
        first_step(task, both("tanh_slope"), activations={"scale": -1})
    with pytest.raises(UserError, match="scale is '2', but must be a finite number"):
        first_step(task, both("tanh_slope"), activations={"scale": "2"})


@modes
def test_forward_mode_through_an_operation(compiled):
    a, b = tf.constant([2.0, math.inf]), tf.constant([3.0, 5.0])

    def followed(a, b):
        with tf.autodiff.ForwardAccumulator((a, b), (tf.constant([1.0, 2.0]), tf.constant([10.0, 20.0]))) as forward:
            y = product(a, b)
        return forward.jvp(y)

    call = tf.function(followed, autograph=False, jit_compile=True) if compiled else followed
    assert call(a, b).numpy().tolist() == [23.0, math.inf]


# Tasks


@modes
def test_layers_of_sign_fitting_against_numpy(compiled):
    dim, seed, scale = 4, 5, 1.5
    instance = {"dim": dim, "rows": 8, "instance_seed": 3}
    table = first_step(
        tasks.registry["sign_fitting"](**instance),
        both("tanh_slope"),
        seed=seed,
        activations={"scale": scale},
        compiled=compiled,
    )

    # The loss is ½‖A·y − b‖², so that central differences at any width give Aᵀ(A·y − b) without a tape.
    exact = tasks.registry["sign_fitting"](**instance, dtype="float64")

    def loss(y):
        return exact.loss({"x": tf.constant(y, tf.float64)}, (), lambda x, *, at: x, None, {})[0].numpy()

    x = Chance(key(seed)).of("start").normal([dim]).numpy().astype(np.float64)
    upstream = np.array([(loss(np.sign(x) + e) - loss(np.sign(x) - e)) / 2 for e in np.eye(dim)])
    slope = scale / np.cosh(scale * x) ** 2
    flows = {"upstream": upstream, "slope": slope, "downstream": upstream * slope}

    assert np.abs(upstream).max() > 0.1  # else this would compare zeros
    assert table[["site", "elements"]].to_numpy().tolist() == [["x/weights", dim]]
    for name, values in flows.items():
        for statistic, expected in quantities(values).items():
            assert table.loc[0, f"{name}_{statistic}"] == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert table.loc[0, "saturation"] == 0


@modes
def test_saturation_counted_by_hand(compiled):
    def loss(parameters, batch, hard, chance, problem):
        return tf.reduce_sum(hard(parameters["x"], at="x/weights") * [1.0, 2.0, 3.0, 4.0]), {}

    task = toy([-2.0, -1.0, 0.5, 3.0], loss)  # slopes 0, 1, 1, 0: the edge itself passes
    row = first_step(task, both("ste_clipped"), activations={"clip": 1.0}, compiled=compiled).loc[0]
    assert row["saturation"] == 0.5
    assert row["upstream_norm"] == pytest.approx(math.sqrt(30))
    assert row["slope_norm"] == pytest.approx(math.sqrt(2))
    assert row["downstream_norm"] == pytest.approx(math.sqrt(13))
    assert row["downstream_median"] == 1.0
    assert first_step(task, both("ste_clipped"), activations={"clip": 2.5}).loc[0, "saturation"] == 0.25
    schedule = {"from": 2.5, "to": 1.0, "shape": "linear"}
    assert first_step(task, both("ste_clipped"), activations={"clip": schedule}).loc[0, "saturation"] == 0.25


@modes
def test_layers_of_a_network(compiled):
    task = tasks.registry["binarized_mlp"](hidden=[8], data="digits", batch=16)
    table = first_step(task, both("sigmoid_derivative"), seed=1, compiled=compiled)
    assert table["site"].tolist() == ["layer2/weights", "layer1/activations", "layer1/weights"]
    assert table["elements"].tolist() == [8 * 10, 16 * 8, 64 * 8]
    assert list(table.columns[2:-1]) == [f"{name}_{statistic}" for name in FLOW for statistic in STATISTICS]
    numbers = table.drop(columns="site").to_numpy(float)
    assert np.isfinite(numbers).all()
    assert (table[[f"{name}_norm" for name in FLOW]] > 0).all(axis=None)


def test_layers_compiled_is_eager():
    task = tasks.registry["binarized_mlp"](hidden=[8], batch=16)
    eager, compiled = (first_step(task, both("tanh_slope"), seed=2, compiled=compiled) for compiled in (False, True))
    assert eager["site"].tolist() == compiled["site"].tolist()
    np.testing.assert_allclose(
        eager.drop(columns="site").to_numpy(float), compiled.drop(columns="site").to_numpy(float), rtol=1e-3, atol=1e-6
    )


def test_weights_and_activations_have_their_own():
    task = tasks.registry["binarized_mlp"](hidden=[8], batch=16)
    mixed = Hard(estimators.registry["tanh_slope"], estimators.registry["ste"])
    table = first_step(task, mixed, activations={"scale": 3.0}, weights={}).set_index("site")
    assert (table.loc[["layer1/weights", "layer2/weights"], ["slope_q05", "slope_q95"]] == 1).all(axis=None)
    assert table.loc["layer1/activations", "slope_q95"] > 1


def test_weights_and_activations_have_functions_of_their_own():
    task = tasks.registry["binarized_mlp"](hidden=[8], batch=16)
    clipped, sign, step = estimators.registry["ste_clipped"], functions["sign"], functions["step"].fixed(at_zero=-1)
    numbers = {"activations": {}, "weights": {}, "normalize": "area"}
    x = tf.constant([-0.5, 0.0, 0.5])
    at = {"activations": "layer1/activations", "weights": "layer1/weights"}
    for sites, function_of in (
        (Hard(clipped, clipped, sign, step), {"activations": sign, "weights": step}),
        (Hard(clipped, clipped, step), {"activations": step, "weights": step}),
    ):
        operation = sites.operation(numbers, Chance(key(0)))
        table = first_step(task, sites, activations={}, normalize="area").set_index("site")
        for place, site in at.items():
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = operation(x, at=site)
            is_sign = function_of[place] is sign
            assert y.numpy().tolist() == ([-1, 1, 1] if is_sign else [0, 0, 1])
            # The area of the clipped slope is 2: a sign rises by so much, a step by half of it.
            height = 1.0 if is_sign else 0.5
            assert tape.gradient(y, x).numpy().tolist() == [height] * 3
            assert table.loc[site, "slope_q95"] == height


def test_without_latent_weights_no_slope_stands_there():
    task = tasks.registry["binarized_mlp"](hidden=[8], batch=16)
    table = first_step(task, Hard(estimators.registry["ste_clipped"], None)).set_index("site")
    weights = table.loc["layer1/weights"]
    assert np.isnan([weights["slope_norm"], weights["saturation"]]).all()
    assert weights["upstream_norm"] == weights["downstream_norm"] > 0
    assert table.loc["layer1/activations", "slope_q95"] == 1


@modes
def test_each_site_has_only_what_comes_through_it(compiled):
    def loss(parameters, batch, hard, chance, problem):
        x = parameters["x"]
        first, again, idle = (hard(x, at=f"{name}/activations") for name in ("first", "again", "idle"))
        return tf.reduce_sum(2 * first + 5 * again + 100 * x + 0 * tf.stop_gradient(idle)), {}

    table = first_step(toy([0.5], loss), both("ste"), compiled=compiled).set_index("site")
    assert table.index.tolist() == ["idle/activations", "again/activations", "first/activations"]
    assert table["downstream_median"].tolist()[1:] == [5, 2]
    assert table.loc["idle/activations", ["upstream_norm", "downstream_norm"]].isna().all()


def test_the_step_is_the_trainers():
    """Start, batch and chance are those of a training's first step: its probe at step 0 finds the same gradient."""
    values = np.arange(30, dtype=np.float32).reshape(10, 3)

    def loss(parameters, batch, hard, chance, problem):
        noise = chance.of("noise").uniform([3])
        return tf.reduce_sum(hard(parameters["x"], at="x/weights") * (batch[0] + noise)), {}

    task = toy([0.0] * 3, loss, examples=(values,), batch=4)
    task = dataclasses.replace(task, start=lambda chance, problem: {"x": chance.normal([3])})
    how, seed = both("tanh_slope"), 11
    trainer = Trainer(Program(task, how, "SGD", (), (), 1, "float32", "cpu"))
    trainer.begin([Replica(seed, 0.1, {"scale": 2.0}, {"scale": 2.0})], steps=5)
    probed = trainer.evaluate()
    row = first_step(task, how, seed=seed, activations={"scale": 2.0}, compiled=True).loc[0]
    assert row["downstream_norm"] == pytest.approx(probed["gradient_norm"][0], rel=1e-6)
    assert row["saturation"] == probed["saturation"][0]
    other = first_step(task, how, seed=seed + 1, activations={"scale": 2.0}, compiled=True).loc[0]
    assert other["downstream_norm"] != pytest.approx(row["downstream_norm"], rel=1e-3)


# The command


def command(*arguments):
    """(exit code, output, errors) of `python -m runners.trace` with these arguments."""
    done = subprocess.run(
        [sys.executable, "-m", "runners.trace", *arguments], cwd=ROOT, capture_output=True, text=True, encoding="utf-8"
    )
    return done.returncode, done.stdout, done.stderr


def rows(output):
    """The words of each line."""
    return [line.split() for line in output.splitlines()]


def test_command_without_arguments():
    code, output, errors = command()
    assert (code, errors) == (0, "")
    shown = rows(output)
    assert ["square", "2", "4", "256", "4", "1024"] in shown
    assert ["product", "6", "3", "2"] in shown
    assert ["a", "2", "1", "none"] in shown
    (sign,) = (row for row in shown if row[:4] == ["sign", "3", "1", "2"])
    assert float(sign[4]) == pytest.approx(0.0451766551, abs=2e-8)
    assert float(sign[5]) == pytest.approx(0.0903533101, abs=2e-8)


def test_command_with_a_task():
    code, output, errors = command(
        "--compiled", "task=binarized_mlp", "estimator=tanh_slope", "estimator.scale=2", "task.hidden=[8]", "seed=1"
    )
    assert (code, errors) == (0, "")
    sites = [row[0] for row in rows(output) if row[1:2] == ["upstream"]]
    assert sites == ["layer2/weights", "layer1/activations", "layer1/weights"]
    assert "seed 1" in output and "compiled" in output


def test_command_with_a_chain(capfd):
    assert trace.main(["operations=square,square,sign", "x=1", "--eager", "target=-1", "estimator=ste"]) == 0
    output, errors = capfd.readouterr()
    assert errors == ""
    assert ["l2_loss", "1", "2", "1", "2", "2"] in rows(output)
    assert ["sign", "1", "1", "2", "1", "2"] in rows(output)
    assert ["square", "1", "1", "2", "2", "4"] in rows(output)
    assert ["square", "1", "1", "4", "2", "8"] in rows(output)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["operations=sqare", "x=2"], "there is no operation 'sqare'; did you mean 'square'?"),
        (["operations=square", "x=two"], "x is 'two', but must be a finite number"),
        (["operations=square,product", "x=2"], "product takes 2 inputs, but would be given 1 here"),
        (["operations=square", "x=2", "task.batch=8"], "'task.batch=8' says nothing of a chain"),
        (["operations=square"], "x is missing"),
        (["x=2"], "x belongs to a chain"),
        (["oprations=square", "x=2"], "there is no key 'oprations'; did you mean 'operations'?"),
        (["estimator.atan.alpha=1"], "which is not chosen (chosen are: sigmoid_derivative): add it to estimator=."),
        (["task.hiden=[8]"], "there is no key 'task.hiden'; did you mean 'hidden'?"),
        (["task.dim=8"], "task.dim: "),
        (["estimator_weights.clip=2"], "estimator_weights.clip belongs to no estimator"),
        (["seed=1,2"], "'seed=1,2' has several values"),
        (["seed=[1,2]"], "2 replicas are asked for by seed"),
        (["square"], "'square' is no setting"),
        (["--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_a_mistake_is_one_sentence(arguments, said, capfd, monkeypatch):
    from runners.training import setup

    monkeypatch.setattr(setup, "start_tensorflow", lambda device: pytest.fail("TensorFlow was not needed"))
    assert trace.main(arguments) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("steeplechase: ") and said in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["operations=sqare", "x=2"], "did you mean 'square'?"),
        (["tagret=3"], "there is no key 'tagret'; did you mean 'target'?"),
        (["estimator.scale=-1", "task=sign_fitting"], "sigmoid_derivative.scale is -1.0, but must be > 0"),
        pytest.param(
            [
                *("function=hard_tanh", "estimator=ste_clipped", "estimator.clip=2"),
                *("function@function_weights=identity", "estimator@estimator_weights=ste"),
            ],
            "ste_clipped is the derivative of hard_tanh with its defaults alone",  # as training says
            marks=pytest.mark.long,
        ),
    ],
)
def test_a_mistake_ends_the_command_with_2(arguments, said):
    code, output, errors = command(*arguments)
    assert (code, output) == (2, "")
    assert said in errors and errors.count("\n") == 1


def test_help_needs_no_tensorflow():
    script = "import sys; sys.argv[1:] = ['--help']\nimport runpy\n"
    script += "try: runpy.run_module('runners.trace', run_name='__main__')\n"
    script += "except SystemExit as end: print(end.code, 'tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert "operations=square,square,sign x=2 target=-1" in done.stdout
    assert done.stdout.splitlines()[-1] == "0 False"
