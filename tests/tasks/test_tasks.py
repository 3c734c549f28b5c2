"""What every task promises, and what each is held against."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
import yaml

import estimators
import tasks
from estimators.function import functions, value
from runners.configuration import choices
from runners.configuration import schema as schema_of_keys
from runners.configuration.resolution import resolve
from runners.configuration.schema import CONF
from runners.execution import block
from runners.training import programs
from runners.training.hard_sites import Hard
from steeplechase.errors import UserError
from steeplechase.random import Chance, key
from tasks.base import check, parameters
from tasks.base import load as load_page
from tasks.data.sets import load
from tasks.data.split import split
from tests.helpers.configurations import BASE
from tests.helpers.tasks import problem_of

TANH = estimators.registry["tanh_slope"]


def first_batch(task):
    return tuple(tf.constant(a[: task.batch]) for a in task.examples)


def test_every_parameter_can_be_trained_from_its_start(task):
    """Through the slope of a surrogate and with steps that fit, as trainings are: no gradient vanishes."""
    problem, hard = problem_of(task), Hard(TANH, TANH, functions["round" if task.step_sizes else "sign"])
    numbers = {"activations": {}, "weights": {}, "normalize": "none"}
    rest = first_batch(task), numbers, Chance(key(0)), problem
    start = hard.fitted(task, task.start(Chance(key(0)).of("start"), problem), *rest)
    with tf.GradientTape() as tape:
        tape.watch(start)
        operation = hard.operation(numbers, Chance(key(0)))
        loss, _ = task.loss(start, first_batch(task), operation, Chance(key(0)), problem)
    gradients = tape.gradient(loss, start)
    assert all(gradients[name] is not None and np.abs(gradients[name]).max() > 0 for name in start)


def test_starts_differ_by_seed_only(task):
    one, again, other = (task.start(Chance(key(seed)).of("start"), problem_of(task, seed)) for seed in (0, 0, 1))
    assert all((one[n].numpy() == again[n].numpy()).all() for n in one)
    assert any((one[n].numpy() != other[n].numpy()).any() for n in one)


def test_sign_fitting_against_numpy():
    task = tasks.registry["sign_fitting"](dim=5, rows=9, instance_seed=3)
    draw = np.random.Generator(np.random.PCG64([3, 5, 9]))
    s = draw.choice([-1.0, 1.0], 5)
    matrices = [np.round(draw.normal(0, 1 / 3, [9, 5]) * 4096) / 4096 for _ in range(3)]
    x = np.array([0.3, -2.0, 0.0, 5.0, -0.1], np.float32)
    y = np.where(x >= 0, 1.0, -1.0)
    losses = [0.5 * np.sum((a @ y - a @ s) ** 2) for a in matrices]
    parameters = {"x": tf.constant(x)}
    np.testing.assert_allclose(task.loss(parameters, (), lambda x, at: value(x), None, {})[0], losses[0], rtol=1e-5)
    judged = task.judge(parameters, lambda x, at: value(x), {})
    np.testing.assert_allclose([judged["validation_loss"], judged["test_loss"]], losses[1:], rtol=1e-5)
    np.testing.assert_allclose(judged["wrong_signs"], np.mean(y != s), rtol=1e-6)
    solved = task.judge({"x": tf.constant(s * 7, tf.float32)}, lambda x, at: value(x), {})
    assert solved["wrong_signs"] == 0 and solved["test_loss"] == task.optimum == 0


def test_the_notebooks_case():
    task = tasks.registry["sign_fitting"](dim=1, mixing="identity", start=-1.0, target=1.0)
    start = task.start(Chance(key(0)), {})
    assert start["x"].numpy().tolist() == [-1.0]
    assert task.loss(start, (), lambda x, at: value(x), None, {})[0] == 2.0


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("loss", ["cross_entropy", "squared_hinge"])
@pytest.mark.parametrize("split_seed", [0, None])
def test_binarized_mlp_against_numpy(split_seed, batch_norm, loss):
    """The training loss at random parameters, and the judgement, restated in NumPy float64."""
    task = tasks.registry["binarized_mlp"](
        hidden=[9, 7], batch=16, batch_norm=batch_norm, loss=loss, reference=100, split_seed=split_seed
    )
    problem = problem_of(task, 2)
    p = {n: v.numpy().astype(np.float64) for n, v in task.start(Chance(key(2)).of("start"), problem).items()}
    for name in p:
        if not name.endswith("weights"):
            p[name] += np.random.Generator(np.random.PCG64(4)).normal(0, 0.3, p[name].shape)
    tensors = {n: tf.constant(v, tf.float32) for n, v in p.items()}

    def forward(x, statistics=None):
        used = []
        for i in (1, 2, 3):
            h = x @ np.where(p[f"layer{i}/weights"] >= 0, 1.0, -1.0)
            mean, variance = statistics[i - 1] if statistics else (h.mean(0), h.var(0))
            used.append((mean, variance))
            if batch_norm:
                x = (h - mean) / np.sqrt(variance + 1e-4) * p[f"layer{i}/scale"] + p[f"layer{i}/shift"]
            else:
                x = h / np.sqrt(x.shape[1]) + p[f"layer{i}/shift"]
            if i < 3:
                x = np.where(x >= 0, 1.0, -1.0)
        return x, used

    def losses(z, y):
        if loss == "cross_entropy":
            return np.log(np.exp(z - z.max(1, keepdims=True)).sum(1)) + z.max(1) - z[np.arange(len(y)), y]
        signs = np.where(np.arange(10) == y[:, None], 1.0, -1.0)
        return (np.maximum(1 - signs * z, 0) ** 2).mean(1)

    whole = load("digits")
    if split_seed is None:
        parts = {name: (whole.x[places], whole.y[places]) for name, places in problem.items()}
    else:
        parts = {name: (part.x, part.y) for name, part in vars(split(whole, seed=0, validation=0.2, test=0.2)).items()}
    x, y = parts["train"][0].astype(np.float64), parts["train"][1]
    batch = tf.constant(x[:16], tf.float32), tf.constant(y[:16])
    got, _ = task.loss(tensors, batch, lambda x, at: value(x), None, problem)
    np.testing.assert_allclose(got, losses(forward(x[:16])[0], y[:16]).mean(), rtol=1e-4)

    _, statistics = forward(x[:100])
    judged = task.judge(tensors, lambda x, at: value(x), problem)
    for name in ("validation", "test"):
        x, y = parts[name]
        z, _ = forward(x.astype(np.float64), statistics)
        np.testing.assert_allclose(judged[f"{name}_loss"], losses(z, y).mean(), rtol=1e-3)
        np.testing.assert_allclose(judged[f"{name}_accuracy"], (z.argmax(1) == y).mean(), atol=0.01)


def test_each_seed_has_a_split_of_its_own():
    task = tasks.registry["binarized_mlp"](hidden=[4], batch=16)
    one, again, other = (problem_of(task, seed) for seed in (0, 0, 1))
    assert {name: len(places) for name, places in one.items()} == {"validation": 359, "test": 359, "train": 1079}
    for problem in (one, other):
        assert sorted(np.concatenate([*problem.values()])) == [*range(1797)], "each example is in one part"
    assert all((one[name].numpy() == again[name].numpy()).all() for name in one)
    assert np.mean(np.isin(one["test"], other["test"])) == pytest.approx(0.2, abs=0.1)
    assert task.training_examples == 1079 and len(task.examples[0]) == 1797
    assert problem_of(tasks.registry["binarized_mlp"](hidden=[4], batch=16, split_seed=0)) == {}


def test_each_draw_has_a_subset_of_its_own():
    """Of all eight draws together: no example twice, all but the few that eight subsets of one size leave over."""
    task = tasks.registry["binarized_mlp"](hidden=[4], batch=16, subsets=8)
    problems = [problem_of(task, draw) for draw in range(8)]
    sizes = {name: len(places) for name, places in problems[0].items()}
    assert sizes == {"validation": 45, "test": 45, "train": 134} and sum(sizes.values()) == 1797 // 8
    every = np.concatenate([places for problem in problems for places in problem.values()])
    assert len(set(every.tolist())) == len(every) == 8 * 224 and set(every.tolist()) <= {*range(1797)}
    assert all((problem_of(task, 3)[name].numpy() == problems[3][name].numpy()).all() for name in sizes)
    assert task.training_examples == 134 and len(task.examples[0]) == 1797
    assert (task.draw.of, task.draw.fixed, task.draw.overlap, task.draw.shuffled) == ("subset", None, 0.0, 0)
    labels = load("digits").y[np.concatenate([*problems[0].values()])]
    assert np.bincount(labels).min() > 5, "shuffled, and not in the order of the file"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"subsets": 40}, "subsets of 44 of the 1797 examples, but each needs one example to validate on, one to test"),
        ({"subsets": 40}, "a batch of 64 to train on: 16 is the most"),
        ({"subsets": 2, "batch": 800}, "a batch of 800 to train on: there are too few even for two"),
    ],
)
def test_too_many_subsets_for_the_data_are_refused(arguments, said):
    with pytest.raises(UserError) as caught:
        tasks.registry["binarized_mlp"](hidden=[4], **arguments)
    assert said in str(caught.value)


def test_a_test_part_of_its_own_is_in_every_subset(tmp_path):
    rng = np.random.Generator(np.random.PCG64(0))
    x, y = rng.normal(size=[80, 3]).astype(np.float32), np.arange(80) % 2
    np.savez(tmp_path / "own.npz", x_train=x[:60], y_train=y[:60], x_test=x[60:], y_test=y[60:])
    task = tasks.registry["binarized_mlp"](hidden=[4], batch=8, data=str(tmp_path / "own.npz"), subsets=3)
    problems = [problem_of(task, draw) for draw in range(3)]
    assert {*problems[0]} == {"validation", "train"} and task.draw.overlap is None
    places = np.concatenate([part for problem in problems for part in problem.values()])
    assert sorted(places.tolist()) == [*range(60)]


@pytest.mark.parametrize(
    ("name", "arguments", "draws"),
    [
        ("binarized_mlp", {}, None),
        ("binarized_mlp", {"split_seed": 3}, 1),
        ("binarized_mlp", {"subsets": 8}, 8),
        ("sign_fitting", {}, None),
        ("sign_fitting", {"instance_seed": 0}, 1),
        ("sign_fitting", {"mixing": "identity", "target": 1.0}, 1),
        ("of_somebody", {}, None),
    ],
)
def test_how_many_draws_there_are_is_known_without_the_page(name, arguments, draws):
    defaults = parameters(load_page(name)) if name in tasks.registry else {}
    assert check(name, **{**defaults, **arguments}) == draws
    if defaults:
        assert (tasks.registry[name](**arguments).problem is None) == (draws == 1)


def test_each_seed_has_an_instance_of_its_own():
    """Entries are N(0, 1/rows) to 2⁻¹², signs are even, and the solution's loss is 0 exactly."""
    task = tasks.registry["sign_fitting"](dim=64, rows=40)
    problems = [problem_of(task, seed) for seed in range(8)]
    for part in ("train", "validation", "test"):
        entries = np.stack([problem[part] for problem in problems]).astype(np.float64)
        assert entries.shape == (8, 40, 64) and (entries * 4096 == np.round(entries * 4096)).all()
        assert abs(entries.mean()) < 4 / np.sqrt(40 * entries.size)  # 4 standard errors
        assert entries.var() == pytest.approx(1 / 40, rel=4 * np.sqrt(2 / entries.size))
    signs = np.stack([problem["signs"] for problem in problems])
    assert set(np.unique(signs)) == {-1.0, 1.0} and abs(signs.mean()) < 4 / np.sqrt(signs.size)
    assert len({sign.tobytes() for sign in signs}) == 8
    solved = {"x": 3 * problems[1]["signs"]}
    judged = task.judge(solved, lambda x, *, at: value(x), problems[1])
    assert judged["wrong_signs"] == judged["validation_loss"] == judged["test_loss"] == 0
    assert task.judge(solved, lambda x, *, at: value(x), problems[0])["test_loss"] > 0


def test_judging_answers_nan_for_a_network_of_nan():
    task = tasks.registry["binarized_mlp"](hidden=[8], batch=16)
    start = task.start(Chance(key(0)).of("start"), problem_of(task))
    start["layer1/weights"] = start["layer1/weights"] * np.nan
    assert np.isnan(task.judge(start, lambda x, at: value(x), problem_of(task))["test_accuracy"])


@pytest.mark.parametrize(
    "name, arguments, said",
    [
        ("binarized_mlp", {"hidden": [16, 0]}, "task.hidden[1] is 0"),
        ("binarized_mlp", {"batch": 0}, "task.batch is 0"),
        ("binarized_mlp", {"init_scale": 0.0}, "task.init_scale is 0.0, but must be a finite number above 0"),
        ("binarized_mlp", {"batch": 5000}, "task.batch is 5000, but digits leaves only"),
        ("binarized_mlp", {"loss": "cross_entrpy"}, "did you mean 'cross_entropy'"),
        ("binarized_mlp", {"split_seed": -1}, "task.split_seed is -1"),
        ("binarized_mlp", {"subsets": 1}, "task.subsets is 1, but must be a whole number of at least 2"),
        ("binarized_mlp", {"subsets": 4, "split_seed": 0}, "one split for all is no subset for each"),
        ("binarized_mlp", {"validation": 0.0}, "task.validation is 0.0, but must be a share of the examples, above 0"),
        ("binarized_mlp", {"test": 1.5}, "task.test is 1.5"),
        ("sign_fitting", {"dim": 0}, "task.dim is 0"),
        ("sign_fitting", {"mixing": "identity"}, "needs 1 or -1"),
        ("sign_fitting", {"target": 1.0}, "needs null"),
        ("sign_fitting", {"mixing": "identity", "target": 0.5}, "can only reach 1 or -1"),
    ],
)
def test_bad_arguments_are_one_sentence(name, arguments, said):
    with pytest.raises(UserError) as caught:
        tasks.registry[name](**arguments)
    assert said in str(caught.value) and "\n" not in str(caught.value)
    if "leaves only" not in said:  # what does not depend on the data is refused by a plan, in the same words
        page = {**yaml.safe_load((CONF / f"task/{name}.yaml").read_text(encoding="utf-8")), **arguments}
        with pytest.raises(UserError) as planned:
            resolve(BASE | {"task": page}, "cpu")
        assert str(planned.value) == str(caught.value)


def test_a_task_has_the_checksum_and_the_remarks_of_its_data(tmp_path):
    from tasks.data.sets import checksum

    made = {name: tasks.registry[name]() for name in tasks.registry}
    for name, task in made.items():
        data = parameters(tasks.registry[name]).get("data")
        assert task.checksum == (checksum(data) if data else "") and task.remarks == ()
    labels = np.arange(60) % 5 + 1
    np.savez(tmp_path / "own.npz", x=np.zeros((60, 3), np.uint8), y=labels)
    own = tasks.registry["binarized_mlp"](data=str(tmp_path / "own.npz"), hidden=[4], batch=8)
    assert own.checksum == checksum(str(tmp_path / "own.npz"))
    assert ["no example to train on (0)" in remark for remark in own.remarks] == [True]
    rows = "\n".join(f"{kind},{i / 7}" for i, kind in enumerate(["rose", "lily", "iris"] * 20))
    (tmp_path / "own.csv").write_text(f"kind,size\n{rows}\n", encoding="utf-8")
    own = tasks.registry["binarized_mlp"](data=str(tmp_path / "own.csv"), labels="kind", hidden=[4], batch=8)
    assert own.checksum == checksum(str(tmp_path / "own.csv"), "kind") and own.sizes["layer2/weights"] == (4, 3)


def test_an_unknown_task_gets_the_nearest():
    with pytest.raises(UserError, match="did you mean 'sign_fitting'"):
        tasks.registry["sign_fiting"]


def test_what_is_missing_from_a_task_or_its_yaml_is_one_sentence(tmp_path, monkeypatch):
    """What somebody meets who enters a task of their own."""

    def odd(*, size: int = 1, dtype: str = "float32"):
        return dataclasses.replace(
            tasks.registry["binarized_mlp"](hidden=(4,), dtype=dtype), name="odd", batch=5000, measures={}
        )

    def without(*, size: int = 1):
        raise AssertionError("it is refused before it is called")

    run = resolve(BASE, "cpu")
    for name, page, said in (
        ("odd", odd, "the batch of odd is 5000, but there are 1079 training examples."),
        ("without", without, "tasks/without.py must take dtype, the precision of its tensors"),
    ):
        monkeypatch.setitem(tasks.registry, name, page)
        program = dict(run.program) | {"task": {"name": name, "size": 2}}
        with pytest.raises(UserError, match=said):
            programs.build(json.dumps(program), 1)
    task = tasks.registry["sign_fitting"](dim=2)
    block.check_declared(["train_loss", "wrong_signs", "site.saturation.x/weights"], task)
    with pytest.raises(UserError, match="sign_fitting measures 'tst_error', which it does not declare"):
        block.check_declared(["train_loss", "tst_error"], task)

    for i, (text, said) in enumerate([("name: a", "has no steps"), ("steps: 2\ndtype: a", "which the key precision")]):
        page = tmp_path / str(i) / "task" / "sign_fitting.yaml"
        page.parent.mkdir(parents=True)
        page.write_text(text, encoding="utf-8")
        monkeypatch.setattr(schema_of_keys, "CONF", tmp_path / str(i))
        with pytest.raises(UserError, match=f"conf/task/sign_fitting.yaml .*{said}"):
            choices.defaults_of("task", "sign_fitting")
    with pytest.raises(UserError, match="'ste' is in the book, but has no conf/estimator/ste.yaml"):
        choices.defaults_of("estimator", "ste")
