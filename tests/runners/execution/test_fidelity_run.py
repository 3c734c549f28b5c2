"""Runs that measure fidelity: what they rest on, closed forms that they meet, damage, merging, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

import tasks
from results import load
from results.records import merging
from results.records.store import Store
from runners.execution.training_run import execute
from runners.planning import references
from runners.planning.identity import identify
from steeplechase.errors import UserError
from tasks.base import parameters
from tests.helpers.configurations import BASE, changed
from tests.helpers.tasks import SMALL

TOY = {
    "task": {"name": "bernoulli_toy", "dim": 3, "target": 0.4, "start": 0.2, "spread": 1.0},
    "function": {"name": "bernoulli"},
    "steps": 40,
    "optimizer__learning_rate": 0.3,
}
MEASURED = BASE["fidelity"] | {"calls": 20_000, "at": [0.0, 1.0]}


def run_of(store, name, numbers=None, **changes):
    given = TOY | {"estimator": {"name": name, **(numbers or {})}, "fidelity": MEASURED, "store": str(store)}
    return changed(**given | changes)


def arguments_of(name):
    """A task's arguments with their defaults, as its configuration has them."""
    return {key: value for key, value in parameters(tasks.registry[name]).items() if key != "dtype"}


def measure(run):
    outcome = execute(run, lambda *_: None)
    assert not outcome.error, outcome.error
    return outcome


def rows_of(store, name):
    rows = load(store).rows
    return rows[(rows["fidelity.role"] == "estimate") & (rows["estimator"] == name)].sort_values(["seed", "step"])


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A store with what DisARM and straight-through come to on the toy; and their outcomes."""
    store = tmp_path_factory.mktemp("fidelity")
    runs = run_of(store, "disarm"), run_of(store, "sigmoid_derivative", {"scale": 1.0})
    return store, [measure(run) for run in runs]


def test_what_a_run_rests_on_is_run_first_and_once(measured):
    store, outcomes = measured
    rows = load(store).rows
    roles = rows.drop_duplicates("run")["fidelity.role"].fillna("training").tolist()
    assert sorted(roles) == ["estimate", "estimate", "training", "truth"]
    assert [outcome.trained for outcome in outcomes] == [2, 2]
    assert set(rows.loc[rows["fidelity.role"] == "truth", "calls"]) == {1}, "the sum over all states never varies"
    again = measure(run_of(store, "disarm"))
    assert again.trained == 0 and again.recorded == 2


def test_the_truth_and_both_estimators_have_their_closed_forms(measured):
    """(b − t)² of three bits: the gradient is p(1 − p)(1 − 2t)/3, straight-through's mean p(1 − p)·2(p − t)/3."""
    store, _ = measured
    run = run_of(store, "disarm")
    training = identify(references.training_of(run))
    kept = Store(store).states_of(training.name, training.fingerprint, lambda *_: None)
    for at, values in enumerate(training.run.replicas):
        states = kept[training.ids[at]]
        for mark in (0, 40):
            p = special.expit(states[f"{mark}/logits"].astype(float))
            truth, mean = p * (1 - p) * 0.2 / 3, p * (1 - p) * 2 * (p - 0.4) / 3
            own, other = (
                rows_of(store, name).set_index(["seed", "step"]).loc[(values.seed, mark)]
                for name in ("disarm", "sigmoid_derivative")
            )
            assert own["truth_norm"] == pytest.approx(np.linalg.norm(truth), rel=1e-5)
            assert abs(own["bias_square"]) < 5 * own["bias_square_se"] + 1e-6 and own["bias_p"] > 1e-4
            square = ((mean - truth) ** 2).sum() / (truth**2).sum()
            assert abs(other["bias_square"] - square) < 5 * other["bias_square_se"]
            assert other["cosine"] == pytest.approx(
                mean @ truth / np.linalg.norm(mean) / np.linalg.norm(truth), abs=0.02
            )
            if square > 1:
                assert other["bias_p"] < 1e-6 < other["bias_bound"]
    assert (rows_of(store, "disarm")["evaluations"] == 2).all()


def test_the_states_are_those_of_the_training(measured):
    store, _ = measured
    rows, run = load(store).rows, run_of(store, "disarm")
    training = identify(references.training_of(run))
    own = rows[rows["run"] == training.name].set_index(["seed", "step"])["excess"]
    at = rows_of(store, "disarm").set_index(["seed", "step"])["excess"]
    np.testing.assert_allclose(at, own.loc[at.index], rtol=1e-6)


@pytest.mark.long
def test_a_memory_is_filled_before_and_stays(tmp_path):
    """REINFORCE with a settled baseline has far less variance than with none."""
    for name, numbers in (("reinforce", {"baseline": 0.0}), ("reinforce_moving", {"decay": 0.9})):
        measure(run_of(tmp_path, name, numbers, seed=[0]))
    plain, moving = (rows_of(tmp_path, name)["variance"].iloc[0] for name in ("reinforce", "reinforce_moving"))
    assert moving < 0.3 * plain


def test_states_that_were_damaged_are_made_again(tmp_path):
    small = MEASURED | {"calls": 100}
    measure(run_of(tmp_path, "disarm", fidelity=small, seed=[0]))
    [*paths] = tmp_path.rglob("kept-*.npz")
    assert len(paths) == 2
    before = {path: path.read_bytes() for path in paths}
    for path in paths:
        path.write_bytes(before[path][:-7] + b"damaged")
    outcome = measure(run_of(tmp_path, "arm", fidelity=small, seed=[0]))
    assert sum("does not count: it was damaged" in remark for remark in outcome.remarks) == 2
    again = [path for path in tmp_path.rglob("kept-*.npz") if not path.name.startswith("damaged")]
    assert {path.read_bytes() for path in again} == {*before.values()}, "the same bits"


def test_states_go_along_where_stores_are_merged(tmp_path):
    small = MEASURED | {"calls": 100}
    measure(run_of(tmp_path / "one", "disarm", fidelity=small, seed=[0]))
    other = Store(tmp_path / "other")
    merged = merging.merge(other, Store(tmp_path / "one"), "one")
    assert merged.replicas == 3 and not merged.left
    outcome = measure(run_of(tmp_path / "other", "arm", fidelity=small, seed=[0]))
    assert outcome.trained == 1 and not outcome.remarks
    assert len(load(tmp_path / "other").accounts) == 4, "neither the training nor the truth was run again"


@pytest.mark.parametrize("over", [pytest.param("smoothed", marks=pytest.mark.long), "noise"])
def test_the_averaged_gradient_of_sign_fitting_is_its_closed_form(tmp_path, over):
    """Of signs that are drawn, each +1 with the chance F(x/s): Φ over root mean squares of x, or the logistic function
    over its spread at the start. Each element of the mean of 40,000 calls is within 4.5 of its standard errors of the
    sum over all states, and together they are where they should be."""
    own = BASE["fidelity"] | {"calls": 40, "along": "ste", "truth": over, "truth_calls": 40_000, "at": [0.0]}
    task = BASE["task"] | {"dim": 6, "rows": 12}
    run = changed(task=task, estimator={"name": "ste"}, seed=[3], fidelity=own, store=str(tmp_path), steps=10)
    measure(run)
    truth, training = (identify(of(run)) for of in (references.truth_of, references.training_of))
    [state] = Store(tmp_path).states_of(training.name, training.fingerprint, lambda *_: None).values()
    [found] = Store(tmp_path).states_of(truth.name, truth.fingerprint, lambda *_: None).values()
    x = state["0/x"].astype(float)
    task = tasks.registry["sign_fitting"](dim=6, rows=12)
    problem = {n.removeprefix("0/problem/"): tf.constant(a) for n, a in state.items() if n.startswith("0/problem/")}

    def loss(signs):
        given = {"x": tf.constant(signs, tf.float32)}
        return float(task.loss(given, (), lambda x, at: x, None, problem)[0])

    spread = 0.3 * np.sqrt((x**2).mean()) if over == "smoothed" else 0.3
    law = stats.norm if over == "smoothed" else stats.logistic
    density, chance = 2 * law.pdf(x / spread) / spread, law.cdf(x / spread)
    states = np.array(np.meshgrid(*[[-1.0, 1.0]] * 6)).reshape(6, -1).T
    chances = np.where(states > 0, chance, 1 - chance)
    values = np.array([loss(signs) for signs in states])
    others = np.stack([np.prod(np.delete(chances, i, 1), 1) for i in range(6)], 1)
    known = (values[:, None] * others * states / 2).sum(0) * density
    means = found["0/truth"]
    error = means.std(0, ddof=1) / np.sqrt(len(means))
    assert (np.abs(means.mean(0) - known) < 4.5 * error).all() and np.linalg.norm(error) < 0.2 * np.linalg.norm(known)
    row = rows_of(tmp_path, "ste").iloc[0]
    assert row["calls"] == 1 and row["variance"] == 0, "a slope gives the same whenever it is asked"


@pytest.mark.long  # tests/tasks holds the closed form itself
def test_the_gradient_over_all_inputs_is_that_of_the_closed_form(tmp_path):
    """By differences of the loss over all inputs; what a slope gives is seen to be none of it."""
    own = BASE["fidelity"] | {"calls": 2000, "along": "ste_clipped", "truth": "population", "at": [0.0, 1.0]}
    task = {"name": "two_layer_gaussian", "inputs": 4, "units": 3, "batch": 16}
    given = {"task": task, "estimator": {"name": "ste_clipped"}, "function": {"name": "step"}, "seed": [1]}
    run = changed(**given, fidelity=own, store=str(tmp_path), steps=20, optimizer__learning_rate=0.02)
    measure(run)
    training = identify(references.training_of(run))
    [state] = Store(tmp_path).states_of(training.name, training.fingerprint, lambda *_: None).values()
    rows = rows_of(tmp_path, "ste_clipped").set_index("step")
    for mark in (0, 20):
        v, w, v_taught, w_taught = (
            state[f"{mark}/{name}"].astype(float) for name in ("v", "w", "problem/v", "problem/w")
        )

        def loss(both, v_taught=v_taught, w_taught=w_taught):
            v, w = np.split(both, [3])
            angle = np.arccos(w @ w_taught / np.linalg.norm(w) / np.linalg.norm(w_taught))
            j = np.eye(3) + 1
            t = j - 2 * angle / np.pi * np.eye(3)
            return (v @ j @ v - 2 * v @ t @ v_taught + v_taught @ j @ v_taught) / 8

        at, small = np.concatenate([v, w]), 1e-5 * np.eye(7)
        slope = np.array([loss(at + step) - loss(at - step) for step in small]) / 2e-5
        assert rows.loc[mark, "truth_norm"] == pytest.approx(np.linalg.norm(slope), rel=1e-3)
        assert rows.loc[mark, "full_loss"] == pytest.approx(loss(at), rel=1e-4)
    assert (rows["bias_p"] < 1e-3).all() and (rows["calls"] == 2000).all()
    rows = load(tmp_path).rows
    assert set(rows.loc[rows["fidelity.role"] == "truth", "calls"]) == {1}, "a closed form never varies"


@pytest.mark.parametrize("optimizer", ["adam", pytest.param("sgd", marks=pytest.mark.long)])
@pytest.mark.parametrize("name", ["sign_fitting", pytest.param("binarized_mlp", marks=pytest.mark.long)])
def test_the_next_step_is_that_of_the_training(tmp_path, name, optimizer):
    """By the estimator of the training itself the state after it is where the training was one step later."""
    own = BASE["fidelity"] | {"calls": 40, "along": "ste", "truth": "smoothed", "truth_calls": 40}
    own |= {"at": [0.0, 0.05, 0.5, 0.55]}
    task = arguments_of(name) | {"sign_fitting": {"dim": 6, "rows": 12}, **SMALL}[name]
    by = {"name": optimizer, "keras": {"adam": "Adam", "sgd": "SGD"}[optimizer], "learning_rate": [0.05]}
    given = {"task": {"name": name, **task}, "estimator": {"name": "ste"}, "optimizer": by, "decay": "cosine"}
    run = changed(**given, seed=[3, 4], fidelity=own, store=str(tmp_path), steps=20)
    measure(run)
    rows = rows_of(tmp_path, "ste").set_index(["seed", "step"])
    for seed in (3, 4):
        for step in (0, 10):
            now, then = rows.loc[(seed, step)], rows.loc[(seed, step + 1)]
            assert now["full_loss"] + now["step_change"] == pytest.approx(then["full_loss"], rel=1e-5)
    assert (rows["step_change"] != 0).any()


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"calls": 3}, "fidelity.calls is 3, but must be a whole number from 40"),
        ({"at": [2.0]}, "must list shares of the training"),
        ({"truth": "enumerate"}, "did you mean"),
        ({"delta": 0.0}, "fidelity.delta is 0.0"),
        ({"role": "both"}, "fidelity.role is 'both'"),
    ],
)
def test_what_cannot_be_measured_is_refused(tmp_path, own, said):
    with pytest.raises(UserError, match=said):
        run_of(tmp_path, "disarm", fidelity=MEASURED | own)


def test_what_cannot_be_the_truth_is_declined(tmp_path):
    many = TOY["task"] | {"dim": 40}
    outcome = measure(run_of(tmp_path, "disarm", task=many))
    assert "enumeration sums over all states" in outcome.unsupported and "16,384 are the most" in outcome.unsupported
    smoothed = MEASURED | {"truth": "smoothed", "along": "disarm"}
    assert "bernoulli is drawn" in measure(run_of(tmp_path, "disarm", fidelity=smoothed)).unsupported
    for truth, changes, said in (
        ("population", {}, "sign_fitting over all inputs is not known in closed form"),
        (
            "noise",
            {"task": {"name": "oscillation", **arguments_of("oscillation")}, "function": {"name": "round"}},
            "round has 4",
        ),
    ):
        own = BASE["fidelity"] | {"calls": 40, "along": "ste", "truth": truth, "truth_calls": 40}
        run = changed(**{"estimator": {"name": "ste"}, **changes}, fidelity=own, store=str(tmp_path), steps=10)
        assert said in measure(run).unsupported
    changing = {"temperature": {"shape": "linear", "from": 1.0, "to": 0.1}}
    small = MEASURED | {"calls": 100}
    outcome = execute(run_of(tmp_path, "st_gumbel", changing, fidelity=small), lambda *_: None)
    assert "a schedule has no one value" in outcome.error


def test_only_what_differs_makes_another_training_and_another_truth(tmp_path):
    one, two = (run_of(tmp_path, name) for name in ("disarm", "arm"))
    assert [identify(r).name for r in references.needed(one)] == [identify(r).name for r in references.needed(two)]
    more = run_of(tmp_path, "disarm", fidelity=MEASURED | {"calls": 40_000})
    assert identify(references.truth_of(more)).name == identify(references.truth_of(one)).name
    other = run_of(tmp_path, "disarm", fidelity=MEASURED | {"truth_calls": 40_000})
    assert identify(references.truth_of(other)).name != identify(references.truth_of(one)).name
    by_draws = run_of(tmp_path, "disarm", fidelity=MEASURED | {"truth": "leave_one_out"})
    assert references.truth_of(by_draws).program["estimator"] == {"name": "leave_one_out", "samples": 4}
