"""A width that is asked for: each site's slope, its trace, its saturation and the training, as formulas have them."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import yaml

import estimators
import tasks
from results import load
from results.analysis import lookup, selection
from runners.configuration.schema import CONF
from runners.execution.training_run import execute
from runners.tracing.first_step import first_step
from runners.training import step as steps
from runners.training.hard_sites import Hard
from steeplechase.errors import UserError
from steeplechase.random import Chance, key
from tests.helpers.configurations import changed
from tests.helpers.tasks import problem_of
from tests.oracles import optimizers as formulas
from tests.oracles import tasks as tiny

TANH = np.arccosh(np.sqrt(2))  # the half-width of sech²
TINY = {"seed": [0, 1], "steps": 20, "record_points": 20, "precision": "float64", "task__dim": 8, "task__rows": 6}
STARTED = {**TINY, "task__instance_seed": 3, "optimizer__learning_rate": 0.2}


def trained(store, **changes) -> pd.DataFrame:
    outcome = execute(changed(**TINY | {"store": str(store)} | changes), lambda *_: None)
    assert not outcome.error, outcome.error
    return load(store).rows.sort_values(["seed", "step"], ignore_index=True)


@pytest.mark.parametrize("normalize", ["peak", "area"])
def test_a_width_is_the_scale_that_has_that_width(normalize, tmp_path):
    """tanh_slope's half-width is .8814/scale, and signs start with a spread of 1."""
    given = {"normalize": normalize, "optimizer__learning_rate": 0.2}
    asked = trained(tmp_path / "width", width=0.6, estimator__scale=3.0, **given)
    scaled = trained(tmp_path / "scale", estimator__scale=TANH / 0.6, **given)
    for measure in ("train_loss", "gradient_norm", "flip_rate"):
        np.testing.assert_allclose(asked[measure], scaled[measure], rtol=1e-9, err_msg=measure)
    assert asked.flip_rate.max() > 0
    assert set(asked.width) == {0.6} and scaled.width.isna().all()


def test_training_equals_numpy_with_a_stretched_slope(tmp_path):
    """Adam on ½‖A·(sign(x) − s)‖² with the slope sech²(x·.8814/.7), height 1 as ever: float64, 20 steps that decay."""
    rows = trained(tmp_path, width=0.7, **{k: v for k, v in STARTED.items() if k not in TINY})
    draw = np.random.Generator(np.random.PCG64([3, 8, 6]))
    s = draw.choice([-1.0, 1.0], 8)
    a = np.round(draw.normal(0, 1 / np.sqrt(6), [6, 8]) * 4096) / 4096
    task = tasks.registry["sign_fitting"](dim=8, rows=6, instance_seed=3, dtype="float64")
    begin = tf.function(task.start, jit_compile=True)  # eagerly it is another one, in float32's last bits
    for seed, own in rows.groupby("seed"):
        x = begin(Chance(key(seed)).of("start"), {})["x"].numpy()[None]
        state, losses, norms = {}, [], []
        for step in range(21):
            rest = a @ (np.where(x[0] >= 0, 1.0, -1.0) - s)
            gradient = (a.T @ rest)[None] / np.cosh(x * TANH / 0.7) ** 2
            losses.append(0.5 * rest @ rest)
            norms.append(np.linalg.norm(gradient))
            rate = 0.2 * (1 + np.cos(np.pi * step / 20)) / 2
            x = formulas.update("Adam", x, gradient, step + 1, rate, state)
        np.testing.assert_allclose(own.train_loss, losses, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(own.gradient_norm, norms, rtol=1e-9, atol=1e-12)
        assert len(set(losses)) > 3, "nothing moved"


def test_each_site_has_its_own_spread_and_each_surrogate_its_own_half_width():
    task = tasks.registry["binarized_mlp"](hidden=[12, 8], batch=16, init_scale=2.0)
    hard = Hard(estimators.registry["tanh_slope"], estimators.registry["ste_clipped"])
    stretch = hard.stretches(0.5, task.spreads, {"scale": 3.0}, {"clip": 1.5})
    expected = {f"layer{i}/activations": 0.5 / (TANH / 3) for i in (1, 2)}
    sizes = {1: 64 + 12, 2: 12 + 8, 3: 8 + 10}
    expected |= {f"layer{i}/weights": 0.5 * 2 * np.sqrt(2 / both) / 1.5 for i, both in sizes.items()}
    assert stretch == pytest.approx(expected)
    # What stands at the sites is that slope, of what arrives there.
    reached = {}
    numbers = {"activations": {"scale": 3.0}, "weights": {"clip": 1.5}, "normalize": "none", "stretch": stretch}
    problem, stream = problem_of(task), Chance(key(0))
    operation = hard.operation(numbers, stream, lambda site, x, slope: reached.update({site: (x, slope)}))
    batch = tuple(tf.constant(a[:16]) for a in task.examples)
    task.loss(task.start(stream.of("start"), problem), batch, operation, stream, problem)
    for site, (x, slope) in reached.items():
        x = x.numpy().astype(np.float64)
        if site.endswith("/weights"):
            wide = np.abs(x) <= 0.5 * task.spreads[site]
            np.testing.assert_array_equal(slope, wide.astype(np.float32))
            assert 0.1 < wide.mean() < 0.9
        else:
            np.testing.assert_allclose(slope, 3 / np.cosh(x * TANH / 0.5) ** 2, rtol=1e-4, atol=1e-6)
    assert set(reached) == set(task.spreads)


def test_what_has_no_half_width_stays_as_it_is_and_is_trained_once(tmp_path):
    widths = [0.5, 1.0, 2.0]
    assert [len(changed(width=widths, estimator={"name": name}).replicas) for name in ("ste", "zero")] == [2, 2]
    beside = {"name": "tanh_slope", "scale": 1.0}
    assert len(changed(width=widths, estimator={"name": "ste"}, estimator_weights=beside).replicas) == 6
    assert len(changed(width=widths).replicas) == len(changed(width=[*widths[1:], None]).replicas) == 6
    spreads = {"a/weights": 1.0, "a/activations": 1.0}
    mixed = Hard(estimators.registry["ste"], estimators.registry["tanh_slope"])
    assert list(mixed.stretches(1.0, spreads, {}, {})) == ["a/weights"]
    rows = trained(tmp_path, width=widths, estimator={"name": "ste"})
    assert rows.replica.nunique() == 2 and rows.width.isna().all()


def test_a_width_is_chosen_with_the_rate_and_makes_no_variant(tmp_path):
    trained(tmp_path, width=[0.25, 1.0, None], optimizer__learning_rate=[0.01, 0.3], steps=60, record_points=2)
    results = load(tmp_path)
    [chosen] = selection.chosen_settings(results).itertuples()
    last = results.final_rows()
    best = last.fillna({"width": -1.0}).groupby(["learning_rate", "width"])["validation_loss"].mean()
    rate, width = best.idxmin()
    assert chosen.learning_rate == rate and chosen.variant == "" and len(best) == 6
    assert chosen.parameters == ("width=none" if width < 0 else f"width={width:g}")
    assert len(chosen.replicas) == 2 and set(lookup.run_labels(results).variant) == {""}


def test_a_width_may_be_a_schedule(tmp_path):
    schedule = {"from": 0.25, "to": 4.0, "shape": "log"}
    rows = trained(tmp_path, width=schedule, estimator={"name": "ste_clipped", "clip": 1.0}, seed=[0])
    assert json.loads(rows.width.iloc[0]) == schedule
    steady = trained(tmp_path / "steady", width=[0.25], estimator={"name": "ste_clipped", "clip": 1.0}, seed=[0])
    assert rows.saturation.iloc[0] == steady.saturation.iloc[0] > rows.saturation.iloc[-1]


def test_a_scheduled_surrogate_keeps_its_schedule_but_for_one_factor():
    hard = Hard(estimators.registry["ede"], estimators.registry["ede"])
    t = {"t": {"from": 0.1, "to": 10.0, "shape": "log"}}  # 1 when half of the training is done
    assert hard.stretches(2.0, {"a/weights": 0.5}, t, t) == pytest.approx({"a/weights": 2 * 0.5 / TANH})


def test_saturation_and_the_trace_are_those_of_the_stretched_slope(tmp_path):
    clipped = {"name": "ste_clipped", "clip": 1.0}
    rows = trained(tmp_path, width=0.5, estimator=clipped, task__dim=64, gradient_flow=True)
    task = tasks.registry["sign_fitting"](dim=64, rows=6, dtype="float64")
    page = estimators.registry["ste_clipped"]
    for seed in (0, 1):
        x = steps.start(task, True, tf.constant(key(seed)), problem_of(task, seed))["x"].numpy()
        outside = np.mean(np.abs(x) > 0.5)
        first = rows[(rows.seed == seed) & (rows.step == 0)].iloc[0]
        assert first.saturation == pytest.approx(outside) == first["site.saturation.x/weights"]
        traced = first_step(task, Hard(page, page), seed=seed, stretch={"x/weights": 0.5}).iloc[0]
        assert traced.saturation == pytest.approx(outside)


def test_a_task_that_states_no_spreads_is_told_in_one_sentence():
    page = estimators.registry["tanh_slope"]
    hard, task = Hard(page, page), tiny.convolutional()
    assert hard.stretches(None, task.spreads, {}, {}) == {}
    with pytest.raises(UserError, match="width is 1.0, but this task does not say how far .* spreads"):
        hard.stretches(1.0, task.spreads, {}, {})
    part = dataclasses.replace(task, spreads={"kernel/weights": 1.0})
    numbers = {
        "activations": {},
        "weights": {},
        "normalize": "none",
        "stretch": hard.stretches(1, part.spreads, {}, {}),
    }
    batch = tuple(tf.constant(a[:8]) for a in task.examples)
    with pytest.raises(UserError, match="how far what arrives at kernel/activations spreads"):
        task.loss(task.start(Chance(key(0)), {}), batch, hard.operation(numbers, Chance(key(0))), Chance(key(0)), {})


def test_widths_that_cannot_be_are_refused():
    for wrong in (0.0, -1.0, [1.0, 0.0], {"from": 1.0, "to": 0.0, "shape": "linear"}):
        with pytest.raises(UserError, match="width is .*greater than 0, or null"):
            changed(width=wrong)
    for wrong in ("wide", True, [1.0, 1.0]):
        with pytest.raises(UserError, match="width"):
            changed(width=wrong)
    mlp = yaml.safe_load((CONF / "task/binarized_mlp.yaml").read_text(encoding="utf-8"))
    assert {values.width for values in changed(task=mlp, width=[1, 2]).replicas} == {1.0, 2.0}
