"""The trainer: a replica's numbers are its own, whoever trains beside it, however the steps are cut."""

import dataclasses
import functools
import threading
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf

import estimators
import tasks
from estimators.function import functions
from runners.training import step as steps_of
from runners.training.hard_sites import Hard
from runners.training.programs import BUDGET, LIMIT, SCALARS, Program, Replica, block_size
from runners.training.trainer import Trainer
from runners.training.trainer import trainer as trainer_of
from steeplechase.random import Chance, key
from tests.helpers.tasks import SMALL
from tests.oracles import tasks as tiny

SCALE = {"scale": 1.0}
SCALAR = functools.partial(tasks.registry["sign_fitting"], dim=1, mixing="identity", start=-1.0, target=1.0)


def program(task, optimizer="Adam", block=4, estimator="tanh_slope", rows=(), scheduled=(), **arguments):
    page, fixed = estimators.registry[estimator], tuple(sorted(arguments.items()))
    hard = Hard(page, page, functions["round" if task.step_sizes else "sign"])
    return Program(task, hard, optimizer, fixed, rows, block, "float32", "cpu", scheduled)


def replica(seed=0, rate=0.01, own=SCALE, **more):
    return Replica(seed, rate, own, own, more)


def run(trainer, replicas, marks=(0, 20), total=20):
    """Rows at each mark, and the parameters at the end."""
    trainer.begin(replicas, total)
    rows = []
    for mark in marks:
        if mark > trainer.step:
            trainer.advance(mark)
        rows.append(trainer.evaluate())
    return rows, trainer.state()


def same(a, b, i=0, j=0):
    """Replica i of one run and replica j of another: every measure and every parameter to the bit."""
    (rows, state), (others, other) = a, b
    for row, twin in zip(rows, others, strict=True):
        assert row.keys() == twin.keys()
        for name in row:
            np.testing.assert_array_equal(row[name][i], twin[name][j], err_msg=name)
    for name in state:
        if name.startswith("parameters"):
            np.testing.assert_array_equal(state[name][i], other[name][j], err_msg=name)


MADE = {n: (lambda n=n: tasks.registry[n](**SMALL.get(n, {}))) for n in tasks.registry}
MADE |= {"recurrent": tiny.recurrent, "convolutional": tiny.convolutional}
# Which carry nothing that the others do not, or take XLA long: on a CPU they are trained in another form.
LONG = ("binarized_convnet", "gates", "router", "sorting", "spike_memorisation", "spiking_digits", "two_layer_gaussian")
LONG += ("categorical_vae", "structured_prediction")  # which draw as stochastic_mlp does
LONG += ("quantized_regression",)
LONG += ("binarized_mlp", "stochastic_mlp", "parity")  # convolutional and recurrent are smaller nets
LONG += ("quantized_mlp",)  # tests/tasks/test_quantized_mlp.py trains it beside an eager loop
CARRIED = [pytest.param(make, id=n, marks=[pytest.mark.long] * (n in LONG)) for n, make in MADE.items()]


@pytest.fixture(params=CARRIED, scope="module")
def carried(request):
    """Every task of the book, and a recurrent and a convolutional one, each with a trainer."""
    task = request.param()
    return task, Trainer(program(task))


def test_a_replica_is_the_same_alone_or_among_others_today_and_again(carried):
    _, trainer = carried
    mine, others = replica(3, 0.02), [replica(s, 0.05 * (s + 1)) for s in (8, 9, 10)]
    alone = run(trainer, [mine])
    same(alone, run(trainer, [mine]))
    same(alone, run(trainer, [others[0], mine, others[1]]), 0, 1)
    same(alone, run(trainer, [*others, mine]), 0, 3)
    changed = run(trainer, [replica(4, 0.02)])
    assert any((alone[1][n][0] != changed[1][n][0]).any() for n in alone[1] if n.startswith("parameters")), (
        "another seed, the same numbers: the comparison could not fail"
    )


def test_a_task_that_is_not_mapped_is_trained_one_at_a_time_with_the_same_numbers():
    """TensorFlow's own convolution against the same one as patches and a matrix product, which is mapped."""
    apart, mapped = tiny.one_at_a_time(), tiny.convolutional()
    assert block_size(apart, "cpu", 100) == 1 < block_size(mapped, "cpu", 100)
    ours = run(Trainer(program(apart, block=1)), [replica(3)])
    theirs = run(Trainer(program(mapped, block=1)), [replica(3)])
    for row, twin in zip(ours[0], theirs[0], strict=True):
        for name in ("train_loss", "gradient_norm", "saturation", "validation_loss", "test_accuracy"):
            np.testing.assert_allclose(row[name], twin[name], rtol=2e-4, atol=1e-6, err_msg=name)
    for name in apart.sizes:
        np.testing.assert_allclose(ours[1][f"parameters/{name}"], theirs[1][f"parameters/{name}"], atol=2e-4)


def test_what_asks_for_no_slope_is_compiled_once_for_all_of_them():
    """Where a replica starts, and the judgement; of other hard functions, or without latent weights, it is another."""
    task, pages = tasks.registry["binarized_mlp"](hidden=[8], batch=16), estimators.registry
    step, sign = functions["step"], functions["sign"]

    def shared(one, other):
        return [getattr(one, name) is getattr(other, name) for name in ("start", "judge", "probe", "train")]

    def compiled(optimizer, *hard):
        return Trainer(Program(task, Hard(*hard), optimizer, (), (), 4, "float32", "cpu")).compiled

    first = compiled("Adam", pages["tanh_slope"], pages["tanh_slope"], sign)
    assert shared(first, compiled("Adam", pages["ste"], pages["sso"], sign, sign)) == [True, True, False, False]
    assert shared(first, compiled("SGD", pages["tanh_slope"], pages["tanh_slope"])) == [True, True, True, False]
    assert shared(first, compiled("Adam", pages["tanh_slope"], pages["tanh_slope"], step)) == [True] + [False] * 3
    both = compiled("Adam", pages["tanh_slope"], pages["tanh_slope"], sign, step)
    assert shared(first, both) == [True] + [False] * 3
    assert shared(first, compiled("SGD", pages["tanh_slope"], None)) == [False, True, False, False]


def test_where_a_replica_starts_and_what_it_takes_are_said_once(carried):
    """step.start, batch_indices and loss_stream, of one replica, are what the compiled program uses."""
    task, trainer = carried
    trainer.begin([replica(7)], 20)
    state, own = trainer.state(), tf.constant(key(7))
    problem = steps_of.problem(task, own, tf.constant(7))
    first = steps_of.start(task, trainer.program.hard.weights is not None, own, problem)
    batch = steps_of.batch_of(
        [tf.constant(a) for a in task.examples], steps_of.batch_indices(task, own, tf.constant(0), problem)
    )
    stream = steps_of.loss_stream(own, tf.constant(0))
    numbers = {"activations": SCALE, "weights": SCALE, "normalize": "none"}
    first = trainer.program.hard.fitted(task, first, batch, numbers, stream, problem)
    for name, value in first.items():
        np.testing.assert_allclose(np.ravel(value), state[f"parameters/{name}"][0], rtol=1e-5, err_msg=name)
    orders = [steps_of.epoch_order(task, own, epoch, problem).numpy() for epoch in (0, 1)]
    per_epoch = steps_of.steps_per_epoch(task)
    for at in (0, per_epoch - 1, per_epoch):
        epoch, place = divmod(at, per_epoch)
        expected = orders[epoch][place * task.batch : (place + 1) * task.batch] if task.examples else []
        np.testing.assert_array_equal(steps_of.batch_indices(task, own, tf.constant(at), problem), expected)
    loss, _ = task.loss(first, batch, trainer.program.hard.operation(numbers, stream), stream, problem)
    np.testing.assert_allclose(trainer.evaluate()["train_loss"][0], loss, rtol=1e-5)


def test_seeds_of_one_draw_share_the_problem_and_nothing_else(carried):
    task, trainer = carried
    own = replica(6)
    pair = [dataclasses.replace(own, draw=3), dataclasses.replace(replica(7), draw=3)]
    trainer.begin([replica(3), *pair, own], 20)
    starts = {name: value.copy() for name, value in trainer.state().items() if name.startswith("parameters")}
    for name in starts:
        if len(np.unique(starts[name])) > 2:  # by chance, and not ones or zeros or what the task gives
            assert (starts[name][1] != starts[name][2]).any() and (starts[name][0] != starts[name][1]).any()
        if name.removeprefix("parameters/") not in task.step_sizes.values():  # which follow the first batch, too
            np.testing.assert_array_equal(starts[name][1], starts[name][3], err_msg="the start follows the seed alone")
    if task.problem:
        met = trainer.compiled.problem(tf.constant(np.stack([key(d) for d in (3, 3, 3, 6)])), tf.constant([3, 3, 3, 6]))
        for name, drawn in steps_of.problem(task, tf.constant(key(3)), tf.constant(3)).items():
            np.testing.assert_array_equal(met[name][0], met[name][1])
            np.testing.assert_allclose(
                met[name][0], drawn, rtol=1e-5, atol=1e-5
            )  # compiled, sums are rounded otherwise
        judged = trainer.evaluate()
        assert any(judged[name][1] != judged[name][3] for name in judged), "another draw, the same numbers"
    same(run(trainer, [own]), run(trainer, [dataclasses.replace(own, draw=6)]))


def test_chunks_do_not_change_numbers(carried):
    _, trainer = carried
    whole = run(trainer, [replica(1)])
    cut = run(trainer, [replica(1)], marks=(0, 7, 8, 19, 20))
    same((whole[0][-1:], whole[1]), ([{**cut[0][-1], "flip_rate": whole[0][-1].get("flip_rate", 0)}], cut[1])) if (
        "flip_rate" in whole[0][-1]
    ) else same((whole[0][-1:], whole[1]), (cut[0][-1:], cut[1]))


def test_a_state_goes_on_bit_for_bit_in_another_trainer(carried):
    task, trainer = carried
    replicas = [replica(s) for s in (5, 6)]
    whole = run(trainer, replicas, marks=(0, 9, 20))
    trainer.begin(replicas, 20)
    trainer.evaluate()
    trainer.advance(9)
    trainer.evaluate()
    state = trainer.state()
    fresh = Trainer(program(task))
    fresh.restore(replicas, 20, state)
    assert fresh.step == 9
    fresh.advance(20)
    same((whole[0][-1:], whole[1]), ([fresh.evaluate()], fresh.state()), 1, 1)


def test_equals_an_eager_loop_over_plain_keras(carried):
    """The independent reference: one replica, eager gradients, a plain Keras optimizer, the same chance."""
    task, trainer = carried
    # Where activations have several levels, single precision parts after a step; test_quantized_mlp has it in double.
    # At the start of a parity half of what moves its last shift cancels the other half, but for rounding.
    seed, rate, steps = 7, 0.02, 1 if task.step_sizes or task.name == "parity" else 12
    chance = Chance(key(seed))
    numbers = {"activations": SCALE, "weights": SCALE, "normalize": "none"}
    hard = trainer.program.hard.operation(numbers, chance)
    problem = task.problem(chance.of("problem"), tf.constant(seed)) if task.problem else {}
    begin = tf.function(task.start, jit_compile=True)(chance.of("start"), problem)

    def batch_of(step):
        if not task.examples:
            return ()
        places = problem["train"].numpy() if problem else np.arange(len(task.examples[0]))
        per_epoch = len(places) // task.batch
        order = places[chance.of("batches").at(step // per_epoch).permutation(len(places)).numpy()]
        picked = order[step % per_epoch * task.batch :][: task.batch]
        return tuple(tf.constant(a[picked]) for a in task.examples)

    if task.step_sizes:
        begin = trainer.program.hard.fitted(task, begin, batch_of(0), numbers, chance.at(0).of("loss"), problem)
    variables = {name: keras.Variable(v) for name, v in begin.items()}
    optimizer = keras.optimizers.Adam(rate)
    optimizer.build(list(variables.values()))
    for step in range(steps):
        batch = batch_of(step)
        with tf.GradientTape() as tape:
            parameters = {name: tf.convert_to_tensor(v.value) for name, v in variables.items()}
            tape.watch(parameters)
            loss, _ = task.loss(parameters, batch, hard, chance.at(step).of("loss"), problem)
        gradients = tape.gradient(loss, parameters)
        optimizer.apply([gradients[name] for name in variables], list(variables.values()))
    _, state = run(trainer, [replica(seed, rate)], marks=(0, steps), total=steps)
    for name, variable in variables.items():
        moved = np.abs(variable.numpy() - begin[name].numpy()).max()
        assert moved > 0.99 * rate or (task.name, name) == ("parity", "second_shift")
        # A sign that flips on the last bit moves a coordinate by up to two rates a step; nearly all must agree.
        apart = np.abs(state[f"parameters/{name}"][0] - variable.numpy().ravel())
        assert np.quantile(apart, 0.9) < 2e-4, (name, np.sort(apart)[-5:])


def traces(trainer):
    return {name: f.experimental_get_tracing_count() for name, f in trainer.functions.items()}


def test_programs_are_not_compiled_again(carried):
    task, trainer = carried
    there = {"problem": task.problem, "fit": task.step_sizes}
    assert {*trainer.functions} == {"start", "train", "judge", "probe", *(name for name, own in there.items() if own)}
    run(trainer, [replica(0)])
    before = traces(trainer)
    run(trainer, [replica(11, 0.3, {"scale": 2.0})] * 3, marks=(0, 3, 4, 30), total=30)
    assert before == traces(trainer) == dict.fromkeys(trainer.functions, 1)


def test_lanes_share_one_program_and_change_no_numbers(carried):
    """Two blocks at the same time, from two threads, are what each is alone; had they a variable in common, they would
    not be."""
    _, trainer = carried
    lanes = [trainer, Trainer(trainer.program)]
    blocks = [[replica(s, 0.01 * (s + 1)) for s in seeds] for seeds in ((0, 1), (5, 6, 7))]
    alone = [run(trainer, block, marks=(0, 7, 40), total=40) for block in blocks]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(3):
            together = list(pool.map(lambda t, b: run(t, b, marks=(0, 7, 40), total=40), lanes, blocks))
            for one, twin, block in zip(alone, together, blocks, strict=True):
                for i in range(len(block)):
                    same(one, twin, i, i)
    assert traces(trainer)["train"] == 1 and traces(lanes[1]) == traces(trainer)


def test_lanes_that_ask_at_the_same_time_get_one_program(carried):
    """Both lanes of a run's first two blocks ask for a program that nobody has made yet."""
    task, _ = carried
    asked, start = program(task, block=2), threading.Barrier(2, timeout=20)

    def lane(number):
        start.wait()
        return trainer_of(asked, number)

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lane, range(2))
    assert one is not other and one.compiled is other.compiled


def test_a_schedule_is_refused_by_the_program_without():
    trainer = Trainer(program(SCALAR()))
    with pytest.raises(ValueError, match="`scheduled`: learning_rate"):
        trainer.begin([replica(0, {"from": 0.2, "to": 0.1, "shape": "linear"})], 10)


def test_a_parameter_of_each_replica_acts(carried):
    _, trainer = carried
    mixed = run(trainer, [replica(0, own={"scale": s}) for s in (0.5, 1.0, 4.0)])
    for i, scale in enumerate((0.5, 1.0, 4.0)):
        same(mixed, run(trainer, [replica(0, own={"scale": scale})]), i, 0)
    norms = mixed[0][0]["gradient_norm"]
    assert len(set(norms)) == 3


def test_normalisation_is_a_number_of_a_replica():
    """The slope of area 1 is doubled for sign, so plain descent does the same at half the rate, bit for bit."""
    task = tasks.registry["sign_fitting"](dim=8, rows=10)
    trainer = Trainer(program(task, "SGD", estimator="sigmoid_derivative"))
    trainer.begin([replica(3, 0.1), dataclasses.replace(replica(3, 0.05), normalize="area")], 30)
    trainer.advance(30)
    raw, scaled = trainer.state()["parameters/x"][:2]
    np.testing.assert_array_equal(raw, scaled)
    norms = trainer.evaluate()["gradient_norm"]
    assert norms[1] == 2 * norms[0] > 0


def test_a_random_slope_is_drawn_for_each_replica_step_and_site():
    task = tasks.registry["binarized_mlp"](hidden=[12], batch=16)  # the most is compiling, of every site's draws
    own = estimators.registry["sso"].parameters
    trainer = Trainer(program(task, estimator="sso"))
    seats = [replica(seed, 0.01, own) for seed in (0, 1, 0)]
    whole = run(trainer, seats)
    same(whole, whole, 0, 2)
    assert (whole[1]["parameters/layer2/weights"][0] != whole[1]["parameters/layer2/weights"][1]).any()
    trainer.begin(seats, 20)
    trainer.advance(9)
    state = trainer.state()
    fresh = Trainer(program(task, estimator="sso"))
    fresh.restore(seats, 20, state)
    fresh.advance(20)
    same(([], fresh.state()), ([], whole[1]), 1, 1)
    numbers, x, slopes = {"activations": own, "weights": own, "normalize": "none"}, -tf.ones([64]), []
    for step in (0, 1):
        chance = Chance(Chance(key(0)).at(step).key).of("loss")
        hard = trainer.program.hard.operation(numbers, chance, lambda site, x, slope: slopes.append(slope.numpy()))
        for site in ("layer1/weights", "layer2/weights"):
            hard(x, at=site)
    assert len({slope.tobytes() for slope in slopes}) == 4


def test_a_schedule_acts_inside_the_program():
    task = SCALAR()
    trainer = Trainer(program(task, "SGD", scheduled=("activations.scale", "weights.scale")))
    schedule = {"from": 0.1, "to": 10.0, "shape": "log"}
    trainer.begin([replica(0, 1e-9, {"scale": schedule}), replica(0, 1e-9, {"scale": 0.1})], 10)
    seen = []
    for step in range(10):
        trainer.advance(step)
        seen.append(trainer.evaluate()["gradient"])
    scales = 0.1 * 100 ** (np.arange(10) / 10)
    expected = -2 * scales * (1 - np.tanh(scales) ** 2)
    np.testing.assert_allclose([row[0] for row in seen], expected, rtol=1e-5)
    np.testing.assert_allclose([row[1] for row in seen], expected[0], rtol=1e-5)


def test_the_learning_rate_may_be_scheduled():
    task = SCALAR(start=-5.0)
    trainer = Trainer(program(task, "SGD", estimator="ste", scheduled=("learning_rate",)))
    trainer.begin([replica(0, {"from": 0.2, "to": 0.0, "shape": "linear"}, {}), replica(0, 0.1, {})], 10)
    trainer.advance(10)
    x = trainer.state()["parameters/x"]
    rates = 0.2 * (1 - np.arange(10) / 10)
    np.testing.assert_allclose(x[0], -5 + 2 * rates.sum(), rtol=1e-5)
    np.testing.assert_allclose(x[1], -5 + 2 * 0.1 * 10, rtol=1e-5)


def test_divergence_is_data_and_stops_nobody():
    trainer = Trainer(program(tiny.exploding(), "SGD"))
    rows, _ = run(trainer, [replica(0, 1.0), replica(0, 0.01), replica(0, 2.0)], marks=(0, 3, 20))
    np.testing.assert_array_equal(rows[-1]["diverged"], [4, np.nan, 2])
    assert np.isnan(rows[-1]["train_loss"][[0, 2]]).all() and np.isfinite(rows[-1]["train_loss"][1])
    np.testing.assert_allclose(rows[-1]["validation_loss"][1], -0.2, rtol=1e-4)


def test_a_parameter_that_is_not_finite_is_divergence():
    """From the start on, though the loss takes its sign and stays finite; or from the update that made it so."""

    def begin(chance, problem):
        start = chance.normal([4096])
        return {"x": tf.where(start == tf.reduce_max(start), np.inf, start)}

    task = tasks.registry["sign_fitting"](dim=4096, rows=2)
    planted = Trainer(program(dataclasses.replace(task, start=begin), "SGD"))
    rows, _ = run(planted, [replica(1861)], marks=(0, 1), total=1)
    assert np.isfinite([row["train_loss"][0] for row in rows]).all(), "the loss alone would not tell"
    assert [row["diverged"][0] for row in rows] == [0, 0]
    sound = Trainer(program(task, "SGD"))
    assert np.isnan(run(sound, [replica(1861)], marks=(0, 1), total=1)[0][-1]["diverged"][0])

    trainer = Trainer(program(SCALAR(start=-1.0), "SGD", estimator="ste"))
    replicas = [replica(0, rate, {}) for rate in (0.7e38, 1.0, 3e38)]  # x gains 2 rates a step, until its sign is right
    rows, _ = run(trainer, replicas, marks=(0, 1, 2), total=2)
    np.testing.assert_array_equal([row["diverged"] for row in rows], [[np.nan] * 3, *[[np.nan, np.nan, 1]] * 2])
    cut, _ = run(trainer, replicas, marks=(0, 2), total=2)
    np.testing.assert_array_equal(cut[-1]["diverged"], rows[-1]["diverged"])


def test_a_loss_that_is_lost_at_the_last_step_is_divergence():
    rows, _ = run(Trainer(program(tiny.exploding(), "SGD")), [replica(0, 1.0)], marks=(0, 3, 4), total=4)
    assert np.isnan(rows[-1]["train_loss"][0]) and rows[-1]["diverged"][0] == 4
    assert np.isnan(rows[-2]["diverged"][0])


def test_flips_are_counted_between_rows():
    task = SCALAR(start=-0.25)
    trainer = Trainer(program(task, "SGD", estimator="ste"))
    rows, _ = run(trainer, [replica(0, 0.1, {})], marks=(0, 1, 2, 3), total=3)
    assert [float(row["flip_rate"][0]) for row in rows[1:]] == [0.0, 1.0, 0.0]
    assert "flip_rate" not in rows[0]


@pytest.mark.long
def test_latent_weights_stay_in_their_bounds():
    free = Trainer(program(tasks.registry["binarized_mlp"](hidden=[8], batch=16), "SGD"))
    kept = Trainer(program(tasks.registry["binarized_mlp"](hidden=[8], batch=16, clip=True), "SGD"))
    reach = []
    for trainer in (free, kept):
        trainer.begin([replica(0, 30.0)], 20)
        trainer.advance(20)
        state = trainer.state()
        reach.append(max(np.abs(a).max() for n, a in state.items() if n.startswith("par") and n.endswith("weights")))
    assert reach[0] > 1 and reach[1] == 1


def test_bop_starts_at_signs_and_keeps_them():
    page = estimators.registry["ste_clipped"]
    task = tasks.registry["binarized_mlp"](hidden=[8], batch=16)
    rows = ("adaptivity", "threshold")
    trainer = Trainer(Program(task, Hard(page, None), "Bop", (), rows, 4, "float32", "cpu"))
    numbers = {"adaptivity": 0.1, "threshold": 1e-6}
    looks, state = run(trainer, [Replica(s, 0.01, {"clip": 1.0}, {}, numbers) for s in range(4)], (0, 200), 200)
    for name in task.weights:
        assert set(np.unique(state[f"parameters/{name}"])) == {-1.0, 1.0}
    assert (looks[-1]["flip_rate"] > 0).all()
    assert looks[-1]["validation_accuracy"].mean() > looks[0]["validation_accuracy"].mean() + 0.2


def test_float64_is_float64():
    task = tasks.registry["sign_fitting"](dtype="float64")
    page = estimators.registry["tanh_slope"]
    trainer = Trainer(Program(task, Hard(page, page), "Adam", (), (), 4, "float64", "cpu"))
    _, state = run(trainer, [replica(0)])
    assert state["parameters/x"].dtype == np.float64
    assert (state["parameters/x"] != state["parameters/x"].astype(np.float32)).any()


def test_the_block_rule_knows_sizes_only():
    wide = tasks.registry["binarized_mlp"](hidden=[512, 512])
    assert block_size(tasks.registry["sign_fitting"](), "cpu", 1) == LIMIT["cpu"]
    assert block_size(wide, "cpu", 100) == 1
    for task in (wide, tasks.registry["binarized_mlp"]()):
        numbers = sum(int(np.prod(s)) for s in task.sizes.values())
        size = block_size(task, "cpu", 100)
        assert size & (size - 1) == 0
        assert size == 1 or size * numbers <= BUDGET["cpu"]
        assert {block_size(task, "cpu", replicas) for replicas in (1, 7, 10**6)} == {size}


def test_a_scalars_block_follows_from_the_replicas_of_its_run():
    scalar = SCALAR()
    sizes = {1: 1, 2: 1, 3: 2, 5: 4, 64: 32, 100: 64, 1000: 64, 1025: 128, 4096: 256, 10_000: 1024, 10**6: SCALARS}
    assert {replicas: block_size(scalar, "cpu", replicas) for replicas in sizes} == sizes
    assert block_size(scalar, "gpu", 1) == LIMIT["gpu"]


FEW = [("sso", "Adam", {}, (8, SCALARS)), ("reste", "SGD", {"momentum": 0.9}, (64, SCALARS))]
WHOLE = [
    ("multi_gauss", "RMSprop", {}),
    ("reste", "SGD", {"momentum": 0.9}),
    *((name, "Adam", {}) for name in estimators.registry),
    *(("tanh_slope", name, {}) for name in ("AdamW", "Lion", "Nadam", "RMSprop", "SGD")),
    ("tanh_slope", "SGD", {"momentum": 0.9, "nesterov": True}),
]


@pytest.mark.parametrize(
    ("name", "optimizer", "arguments", "sizes"),
    [FEW[1], *(pytest.param(*one, (8, 64, SCALARS), marks=pytest.mark.long) for one in (FEW[0][:3], *WHOLE))],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value)) or "plain",
)
def test_a_scalar_is_the_same_in_every_block(name, optimizer, arguments, sizes):
    """What allows its block to follow from the replicas at hand. With several numbers a replica, nothing promises it:
    sums and products may be cut otherwise."""
    own = estimators.registry[name].parameters
    seats, task = [replica(3, 0.07, own), replica(4, 0.02, own)], SCALAR(start=None)
    alone = run(Trainer(program(task, optimizer, 1, name, **arguments)), seats[:1], marks=(0, 13, 500), total=500)
    for size in sizes:
        among = run(Trainer(program(task, optimizer, size, name, **arguments)), seats, marks=(0, 13, 500), total=500)
        same(alone, among)
        for held, value in alone[1].items():
            if held.startswith("optimizer/"):
                np.testing.assert_array_equal(value.ravel()[0], among[1][held].ravel()[0], err_msg=held)
        x = among[0][-1]["x"]
        assert x[0] != x[1], "another seed and another rate, the same number: the comparison could not fail"


def test_a_block_takes_no_more_than_it_holds():
    trainer = Trainer(program(tasks.registry["sign_fitting"]()))
    with pytest.raises(ValueError, match="1 to 4 replicas, not 5"):
        trainer.begin([replica(s) for s in range(5)], 10)
